/* SPDX-License-Identifier: MIT
 *
 * command.c - the table of commands: one record each, in its file cmd_NAME.c.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/option/option.h"

#define ROW(name) &command_##name,
static const cli_command *const commands[] = {CLI_COMMANDS(ROW) NULL};

const cli_command *cli_command_at(size_t i)
{
    return commands[i];
}

const cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return strcmp(name, command_spec.name) == 0 ? &command_spec : NULL;
}

void *cli_command_args(const cli_command *x, cli_state *c)
{
    void *args = cli_alloc(1, x->size);
    *(cli_state **)args = c; /* init may set what a shared option begins with */
    if (x->init) {
        x->init(args);
    }
    return args;
}

cli_state cli_state_defaults(void)
{
    return (cli_state){.rig = {.model = persona_model_defaults(), .judge = "auto"},
                       .mapping = {.from = -1, .to = -1},
                       .guard_mode = PERSONA_GUARD_WARN,
                       .guard_ratio = 1,
                       .along_block = -1,
                       .neutral_tokens = 64,
                       .sampling = persona_sampling_defaults()};
}
