import { Ajv, type ErrorObject } from 'ajv'

/** Says what is wrong with a config, beginning with the field's path; undefined: nothing. */
export type ConfigCheck = (config: unknown) => string | undefined

/**
 * Compiles a JSON schema of draft-07. It never changes what it checks.
 * @throws Error where the schema itself is wrong, also by a keyword or format that is not known
 */
export function compileConfigCheck (schema: Record<string, unknown>): ConfigCheck {
  const ajv = new Ajv({
    strict: true,
    allowUnionTypes: true,
    // `anyOf: [{ required: ['a'] }, { required: ['b'] }]` is a common way to ask for one of two
    strictRequired: false,
    // otherwise inherited properties such as `constructor` would count
    ownProperties: true,
    logger: false
  })
  const validate = ajv.compile(schema)
  if ('$async' in validate) throw new Error('it is asynchronous')
  return (config) => validate(config) === true ? undefined : describe(validate.errors![0]!)
}

function describe ({ instancePath, message, params }: ErrorObject): string {
  const text = `config${instancePath} ${message}`
  if ('additionalProperty' in params) return `${text}: ${JSON.stringify(params.additionalProperty)}`
  if ('allowedValues' in params) return `${text}: ${JSON.stringify(params.allowedValues)}`
  return text
}
