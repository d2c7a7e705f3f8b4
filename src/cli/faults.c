/* SPDX-License-Identifier: MIT
 *
 * faults.c - files of a list that cannot be read (faults.h).
 */
#include "cli/faults.h"

#include "base/mem.h"

bool faults_add(cli_faults *f, const char *name, const persona_err *why)
{
    if (why->code == PERSONA_E_NOMEM) {
        return false;
    }
    f->list = cli_resize(f->list, f->n + 1, sizeof *f->list);
    f->list[f->n++] = (cli_fault){cli_strdup(name), cli_strdup(why->msg)};
    return true;
}

void faults_json(json_out *o, const cli_faults *f)
{
    jo_array(o, "damaged");
    for (size_t i = 0; i < f->n; i++) {
        jo_object(o, NULL);
        jo_string(o, "name", f->list[i].name);
        jo_string(o, "error", f->list[i].why);
        jo_end(o);
    }
    jo_end(o);
}

persona_code faults_end(const cli_state *c, const cli_faults *f, size_t n_good, const char *what,
                        persona_err *e)
{
    for (size_t i = 0; i < f->n; i++) {
        cli_say(c, "%s", f->list[i].why);
    }
    if (f->n == 0) {
        return PERSONA_OK;
    }
    return persona_err_set(e, PERSONA_E_FORMAT, "%zu of %zu %s cannot be read", f->n, f->n + n_good,
                           what);
}

void faults_free(cli_faults *f)
{
    for (size_t i = 0; i < f->n; i++) {
        mem_free(f->list[i].name);
        mem_free(f->list[i].why);
    }
    mem_free(f->list);
    *f = (cli_faults){NULL, 0};
}
