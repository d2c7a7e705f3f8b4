/* SPDX-License-Identifier: MIT
 *
 * models_remove.c - `persona models rm`.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/try.h"
#include "cli/models_cmd.h"
#include "workbench/model_remove.h"

/* Says what would go and asks. Errors: USAGE (there is nobody to ask), CANCELED (no). */
static persona_code ask(const model_removal *r, const char *name, persona_err *e)
{
    char answer[16] = "";
    if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s would be removed (%zu files, %s): say --yes, there is no "
                               "terminal to ask",
                               name, r->n, cli_bytes(r->n_bytes));
    }
    for (size_t i = 0; i < r->n; i++) {
        fprintf(stderr, "  %s\n", r->names[i]);
    }
    fprintf(stderr, "remove from %s, %s? [y/N] ", r->folder, cli_bytes(r->n_bytes));
    const bool yes = fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
    return yes ? PERSONA_OK : persona_err_set(e, PERSONA_E_CANCELED, "nothing was removed");
}

persona_code models_remove(cli_state *c, const char *name, bool yes, persona_err *e)
{
    model_removal r = {NULL, NULL, 0, 0};
    persona_code rc = PERSONA_OK;
    TRY(model_removal_find(name, &r, e));
    if (!yes) {
        TRY(ask(&r, name, e));
    }
    TRY(model_removal_run(&r, e));
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "models");
        jo_array(o, "removed");
        for (size_t i = 0; i < r.n; i++) {
            jo_string(o, NULL, r.names[i]);
        }
        jo_end(o);
        jo_int(o, "n_bytes", (long long)r.n_bytes);
        rc = cli_json_end(c, &j, e);
    } else {
        cli_say(c, "%zu removed, %s", r.n, cli_bytes(r.n_bytes));
    }
out:
    model_removal_free(&r);
    return rc;
}
