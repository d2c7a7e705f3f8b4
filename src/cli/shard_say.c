/* SPDX-License-Identifier: MIT
 *
 * shard_say.c - `--shard`: which part of a task, in which file, and what is said when it is done.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

persona_code opt_set_shard(const opt_call *x, persona_err *e)
{
    persona_shard *to = (persona_shard *)(void *)((char *)x->base + x->o->at);
    return shard_spec_parse(x->value, to, e);
}

persona_code cli_shard_job(const char *job, persona_shard s, char **out, persona_err *e)
{
    const bool none = job == NULL || strcmp(job, "none") == 0;
    *out = NULL;
    if (none && s.count > 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "--shard wants --job FILE for what this part does, say --job "
                               "part-%%i.db");
    }
    if (!none) {
        *out = s.count > 0 ? shard_spec_file(job, s) : mem_strdup(job);
    }
    return none || *out != NULL ? PERSONA_OK : mem_err(e, "a path");
}

persona_code cli_shard_done(cli_state *c, const char *command, const char *job, persona_shard s,
                            const persona_shard_report *r, double seconds, persona_err *e)
{
    if (c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, command);
        jo_object(o, "shard");
        jo_int(o, "index", s.index);
        jo_int(o, "count", s.count);
        jo_int(o, "n_answers", (long long)r->n_mine);
        jo_int(o, "n_all", (long long)r->n_all);
        jo_end(o);
        jo_string(o, "job", job);
        jo_int(o, "resumed", (long long)r->n_resumed);
        jo_number(o, "seconds", seconds);
        return cli_json_end(c, &j, e);
    }
    printf("shard %d of 0 to %d is done: %zu of %zu answers are in %s\n", s.index, s.count - 1,
           r->n_mine, r->n_all, job);
    cli_say(c,
            "when all %d are done: persona jobs merge OUT.db PART.db..., then this command without "
            "--shard and with --job OUT.db",
            s.count);
    return cli_flush(e);
}
