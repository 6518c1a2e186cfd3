import { Ajv, type ErrorObject } from 'ajv'

/** Returns the first error in a config, starting with the path of the field, or undefined if the config is valid. */
export type ConfigCheck = (config: unknown) => string | undefined

/**
 * Compiles a JSON schema (draft-07). The compiled check never modifies the config.
 * @throws Error if the schema is invalid, or uses an unknown keyword or format
 */
export function compileConfigCheck (schema: Record<string, unknown>): ConfigCheck {
  const ajv = new Ajv({
    strict: true,
    allowUnionTypes: true,
    // `anyOf: [{ required: ['a'] }, { required: ['b'] }]` is a common way to require one of two properties
    strictRequired: false,
    // otherwise inherited properties such as `constructor` would count
    ownProperties: true,
    logger: false
  })
  const validate = ajv.compile(schema)
  if ('$async' in validate) throw new Error('$async schemas are not supported')
  return (config) => validate(config) === true ? undefined : describe(validate.errors![0]!)
}

function describe ({ instancePath, message, params }: ErrorObject): string {
  const text = `config${instancePath} ${message}`
  if ('additionalProperty' in params) return `${text}: ${JSON.stringify(params.additionalProperty)}`
  if ('allowedValues' in params) return `${text}: ${JSON.stringify(params.allowedValues)}`
  return text
}
