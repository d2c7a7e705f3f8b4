/* SPDX-License-Identifier: MIT
 *
 * carry.c - traits from one model to another (carry.h): what can be refused is looked at before
 * hours of work; several traits share the paired texts; every vector is written when it is there.
 */
#include "cli/carry.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/report/report.h"
#include "pipeline/transfer/pairs_parts.h"

#define MAX_MANIFEST ((size_t)16 << 20)

/* ---- opening --------------------------------------------------------------------------------- */

/* The traits to carry over: the one, those of the list, or all that can be found. */
static persona_code find_traits(carry *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (x->traits && strcmp(x->traits, "all") == 0) {
        TRY(persona_trait_names(&x->names, &x->n_names, e));
    } else {
        cli_split(x->trait ? x->trait : x->traits, &x->names, &x->n_names);
    }
    x->n = x->n_names;
    x->packs = cli_alloc(x->n, sizeof *x->packs);
    x->results = cli_alloc(x->n, sizeof *x->results);
    x->failures = cli_alloc(x->n, sizeof *x->failures);
    x->paths = cli_alloc(x->n, sizeof *x->paths);
    for (size_t i = 0; i < x->n; i++) {
        TRY(persona_trait_find(x->names[i], &x->packs[i], e));
    }
out:
    return rc;
}

static void drop_unscored(carry *x)
{
    size_t kept = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (!x->target.judge || persona_judge_knows(x->target.judge, x->packs[i]->name)) {
            persona_trait *t = x->packs[kept];
            x->packs[kept++] = x->packs[i];
            x->packs[i] = t;
            continue;
        }
        cli_say(x->c, "%s is left out: judge %s cannot score it", x->packs[i]->name,
                persona_judge_name(x->target.judge));
    }
    for (size_t i = kept; i < x->n; i++) {
        persona_trait_free(x->packs[i]);
        x->packs[i] = NULL;
    }
    x->n = kept;
}

/* Is the vector one of the source model? */
static persona_code check_vector(const carry *x, persona_err *e)
{
    const persona_vector *v = x->given;
    const persona_model_info *info = x->source.info;
    const char *sha = NULL;
    persona_code rc = PERSONA_OK;
    if (!v || !x->source.model) {
        return PERSONA_OK;
    }
    if (v->n_embd != info->n_embd || v->n_layer > info->n_layer) {
        return persona_err_set(
            e, PERSONA_E_SHAPE, "%s is %d wide over %d blocks, but %s is %d wide over %d blocks",
            x->vector, v->n_embd, v->n_layer, info->path, info->n_embd, info->n_layer);
    }
    TRY(persona_model_sha256(x->source.model, &sha, e));
    if (*v->from.model_hash && strcmp(v->from.model_hash, sha) != 0) {
        rc = persona_err_set(e, PERSONA_E_SHAPE,
                             "%s belongs to %s (sha256 %.12s), not to %s (%.12s)", x->vector,
                             v->from.model_name, v->from.model_hash, info->path, sha);
    }
out:
    return rc;
}

static persona_code open_sides(carry *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (x->from) {
        TRY(cli_open_side(x->c, x->from, NULL, &x->source, e));
    }
    TRY(cli_open_side(x->c, x->to, x->from ? &x->source : NULL, &x->target, e));
    if (x->fitted && x->source.model) {
        TRY(persona_map_check(x->fitted, x->source.model, false, e));
    }
    if (x->fitted) {
        TRY(persona_map_check(x->fitted, x->target.model, true, e));
    }
    TRY(check_vector(x, e));
    if (x->opts.evaluate && !x->target.judge) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE, "no judge for %s: name one with --judge%s",
                             x->target.info->path, x->judge_hint);
    }
out:
    return rc;
}

static persona_code open_all(carry *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(find_traits(x, e));
    if (x->vector) {
        TRY(persona_vector_read(x->vector, &x->given, e));
        TRY(persona_vector_addable(x->given, x->vector, e));
    }
    if (x->map) {
        TRY(persona_map_read(x->map, &x->fitted, e));
    }
    if (x->output && !x->traits) {
        TRY(output_writable(x->output, e));
    }
    if (x->report) {
        TRY(output_writable(x->report, e));
    }
    TRY(trait_set_open(x->trait ? x->packs[0] : NULL, &x->all, e));
    TRY(open_sides(x, e));
    if (x->drops_unscored) {
        drop_unscored(x);
    }
    for (size_t i = 0; i < x->n; i++) {
        if (x->from) {
            TRY(rig_judge_measured(&x->c->rig, &x->source, x->packs[i], e));
        }
        TRY(rig_judge_measured(&x->c->rig, &x->target, x->packs[i], e));
    }
out:
    return rc;
}

/* ---- one trait after the other --------------------------------------------------------------- */

static persona_code place_of(carry *x, size_t i, persona_err *e)
{
    const bool in_folder = x->traits && x->output;
    char *file = in_folder ? cli_format("%s/%s.gguf", x->output, x->packs[i]->name) : NULL;
    const char *wanted = x->traits ? file : x->output;
    const persona_code rc =
        output_vector_path(x->target.model, x->packs[i]->name, wanted, &x->paths[i], e);
    mem_free(file);
    return rc;
}

/* FOLDER/TRAIT/manifest.json: what the answers beside it are of, and what was made of them. */
static persona_code write_manifest(carry *x, size_t i, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = cli_format("%s/%s/manifest.json", x->opts.export_to, x->packs[i]->name);
    const rig *const side[2] = {&x->source, &x->target};
    const char *sha = NULL;
    json_out o;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    jo_init(&o, &b, true);
    jo_object(&o, NULL);
    jo_string(&o, "schema", "persona.export/1");
    jo_string(&o, "version", PERSONA_VERSION);
    jo_string(&o, "library", persona_engine_version());
    jo_string(&o, "trait", x->packs[i]->name);
    for (size_t k = 0; k < 2; k++) {
        if (side[k]->model) {
            TRY(persona_model_sha256(side[k]->model, &sha, e));
            jo_object(&o, k == 0 ? "from" : "to");
            jo_string(&o, "name", side[k]->info->name);
            jo_string(&o, "sha256", sha);
            jo_string(&o, "chat", persona_chat_name(side[k]->info->chat));
            jo_end(&o);
        }
    }
    jo_string(&o, "judge_score", persona_judge_name(x->target.judge));
    jo_string(&o, "judge_select",
              persona_judge_name(x->target.select ? x->target.select : x->target.judge));
    jo_int(&o, "seed", (long long)x->c->seed);
    jo_object(&o, "result");
    study_json(&o, x->results[i]);
    jo_end(&o);
    jo_end(&o);
    buf_putc(&b, '\n');
    TRY(buf_ok(&b, path, e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    mem_free(path);
    return rc;
}

static persona_code carry_one(carry *x, size_t i, persona_err *e)
{
    const persona_study_side from = rig_side(&x->source), to = rig_side(&x->target);
    persona_code rc = PERSONA_OK;
    if (x->writes_vectors) {
        TRY(place_of(x, i, e));
    }
    rc = persona_study_trait(&from, &to, x->pairs, x->packs[i], &x->opts, &x->c->hooks,
                             &x->results[i], e);
    if (rc == PERSONA_E_NEGATIVE && x->traits) {
        snprintf(x->failures[i], sizeof x->failures[i], "%s", e->msg);
        rc = PERSONA_OK;
    }
    TRY(rc);
    if (x->results[i] && x->writes_vectors) {
        TRY(persona_vector_write(x->results[i]->transferred, x->paths[i], e));
    }
    if (x->results[i] && x->results[i]->evaluation && x->opts.export_to) {
        TRY(write_manifest(x, i, e));
    }
    tty_progress_clear(&x->c->progress);
    if (x->done) {
        rc = x->done(x, i, e);
    }
out:
    return rc;
}

static persona_code write_report(const carry *x, persona_err *e)
{
    report_trait *chapters = cli_alloc(x->n, sizeof *chapters);
    report r = {.from = x->source.info,
                .to = x->target.info,
                .judge = x->target.judge ? persona_judge_name(x->target.judge) : "none",
                .questions = x->target.questions ? x->target.questions->name : NULL,
                .chapters = chapters,
                .n_chapters = x->n,
                .seed = x->c->seed,
                .seconds = x->seconds};
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < x->n; i++) {
        chapters[i] = (report_trait){.pack = x->packs[i],
                                     .result = x->results[i],
                                     .failure = x->results[i] ? NULL : x->failures[i]};
    }
    TRY(persona_model_sha256(x->target.model, &r.to_hash, e));
    if (x->source.model) {
        TRY(persona_model_sha256(x->source.model, &r.from_hash, e));
    }
    rc = report_write(&r, x->report, e);
out:
    mem_free(chapters);
    return rc;
}

/* What the options and the opened sides say to the study. */
static void set_options(carry *x)
{
    const bool none = x->job && strcmp(x->job, "none") == 0;
    x->opts.seed = x->c->seed;
    x->opts.fit = cli_fit_opts(x->c);
    x->opts.keep_jobs = !none && !x->c->mapping.no_cache;
    x->opts.job = none ? NULL : x->job;
    if (x->target.n_questions > 0) {
        x->opts.n_questions = x->opts.n_evaluate = x->target.n_questions;
    }
    x->opts.given = x->given;
    x->opts.map = x->fitted;
    x->opts.others = (const persona_trait *const *)x->all.p;
    x->opts.n_others = x->all.n;
}

/* What cannot pass for want of texts is better known before hours of work. */
static void warn_of_poles(const carry *x)
{
    if (x->fitted && !x->fitted->readings && x->opts.evaluate) {
        cli_say(x->c,
                "%s keeps no readings, so controls are missing and nothing can pass: fit it again, "
                "without --no-readings",
                x->map);
    }
    for (size_t i = 0; x->pairs && x->opts.evaluate && i < x->n; i++) {
        const int trait = pairs_trait(x->pairs, x->packs[i]->name);
        size_t n[2];
        pairs_poles(x->pairs, trait, n);
        if (trait < 0 || n[0] == 0 || n[1] == 0) {
            cli_say(x->c,
                    "%s: cannot pass: of it there are %zu positive and %zu negative texts, and the "
                    "control 'lexical' takes both",
                    x->packs[i]->name, trait < 0 ? 0 : n[0], trait < 0 ? 0 : n[1]);
        }
    }
}

persona_code carry_run(carry *x, persona_err *e)
{
    const double start = clock_now();
    persona_code rc = PERSONA_OK;
    TRY(open_all(x, e));
    set_options(x);
    if (x->begun) {
        x->begun(x);
    }
    if (!x->fitted) {
        TRY(cli_pairs(x->c, &x->source, &x->target, &x->all, x->opts.n_questions, x->text_tokens,
                      &x->pairs, e));
    }
    if (x->pairs && x->talk) {
        tty_progress_clear(&x->c->progress);
        cli_say_pairs(x->c, x->pairs, x->talk);
    }
    warn_of_poles(x);
    for (size_t i = 0; i < x->n; i++) {
        TRY(carry_one(x, i, e));
    }
    x->seconds = clock_now() - start;
    if (x->report) {
        TRY(write_report(x, e));
    }
out:
    tty_progress_clear(&x->c->progress);
    return rc;
}

void carry_free(carry *x)
{
    for (size_t i = 0; i < x->n_names; i++) {
        persona_study_free(x->results ? x->results[i] : NULL);
        persona_trait_free(x->packs ? x->packs[i] : NULL);
        mem_free(x->paths ? x->paths[i] : NULL);
    }
    persona_names_free(x->names, x->n_names);
    mem_free(x->results);
    mem_free(x->packs);
    mem_free(x->paths);
    mem_free(x->failures);
    persona_vector_free(x->given);
    persona_map_free(x->fitted);
    persona_pairs_free(x->pairs);
    trait_set_free(&x->all);
    rig_close(&x->target);
    rig_close(&x->source);
}
