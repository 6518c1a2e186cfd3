/** Of an argument or a variable, with the NUL that ends it: the limit of Linux (`MAX_ARG_STRLEN`, with pages of 4 KiB). */
const MAX_STRING_BYTES = 128 * 1024
/** A longer command cannot be started: `sh` gets it as one argument. In UTF-8. */
export const MAX_COMMAND_BYTES = MAX_STRING_BYTES - 1
/** A command with a longer config cannot be started: it gets it as one variable, as JSON in UTF-8. */
export const MAX_CONFIG_BYTES = MAX_STRING_BYTES - 'TASK_CONFIG='.length - 1
