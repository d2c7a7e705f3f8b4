/* SPDX-License-Identifier: MIT
 *
 * carry.c - traits from one model to another (carry.h): what can be refused is looked at before
 * hours of work; several traits share the paired texts; every vector is written when it is there.
 */
#include "workbench/carry.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/report/report.h"
#include "pipeline/transfer/pairs_parts.h"
#include "workbench/find.h"
#include "workbench/results.h"

#define MAX_MANIFEST ((size_t)16 << 20)

/* ---- opening --------------------------------------------------------------------------------- */

/* "a,b,c" into pieces. */
static persona_code split(const char *list, char ***out, size_t *n, persona_err *e)
{
    char **all = mem_calloc(strlen(list) + 1, sizeof *all);
    *out = all;
    *n = 0;
    if (all == NULL) {
        return mem_err(e, "names of traits");
    }
    for (const char *p = list; *p != '\0';) {
        const size_t len = strcspn(p, ",");
        if (len > 0) {
            all[*n] = mem_strndup(p, len);
            if (all[*n] == NULL) {
                return mem_err(e, "names of traits");
            }
            ++*n;
        }
        p += len + (p[len] == ',');
    }
    return PERSONA_OK;
}

static persona_code make_room(carry *x, persona_err *e)
{
    x->packs = mem_calloc(x->n_names + 1, sizeof *x->packs);
    x->results = mem_calloc(x->n_names + 1, sizeof *x->results);
    x->failures = mem_calloc(x->n_names + 1, sizeof *x->failures);
    x->paths = mem_calloc(x->n_names + 1, sizeof *x->paths);
    return x->packs != NULL && x->results != NULL && x->failures != NULL && x->paths != NULL
               ? PERSONA_OK
               : mem_err(e, "traits");
}

/* The traits to carry over: the one, those of the list, or all that can be found. */
static persona_code find_traits(carry *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (x->traits && strcmp(x->traits, "all") == 0) {
        TRY(persona_trait_names(&x->names, &x->n_names, e));
    } else {
        const char *list = x->trait != NULL ? x->trait : x->traits;
        TRY(split(list != NULL ? list : "", &x->names, &x->n_names, e));
    }
    TRY(make_room(x, e));
    x->n = x->n_names;
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
        talk_say(&x->talk, "%s is left out: judge %s cannot score it", x->packs[i]->name,
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

static persona_code open_side(const carry *x, const char *path, const rig *other, rig *out,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(rig_open_side(x->rig, path, other, out, e));
    rig_warn(out, &x->talk);
out:
    return rc;
}

static persona_code open_sides(carry *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (x->from && !x->borrowed) {
        TRY(open_side(x, x->from, NULL, &x->source, e));
    }
    if (!x->borrowed) {
        TRY(open_side(x, x->to, x->from ? &x->source : NULL, &x->target, e));
    }
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
            TRY(rig_judge_measured(x->rig, &x->source, x->packs[i], e));
        }
        TRY(rig_judge_measured(x->rig, &x->target, x->packs[i], e));
    }
out:
    return rc;
}

/* ---- one trait after the other --------------------------------------------------------------- */

static persona_code place_of(carry *x, size_t i, persona_err *e)
{
    const bool in_folder = x->traits && x->output;
    char *file = in_folder ? mem_printf("%s/%s.gguf", x->output, x->packs[i]->name) : NULL;
    const char *wanted = x->traits ? file : x->output;
    persona_code rc = PERSONA_OK;
    TRY(in_folder && file == NULL ? mem_err(e, "a path") : PERSONA_OK);
    rc = output_vector_path(x->target.model, x->packs[i]->name, wanted, &x->paths[i], e);
out:
    mem_free(file);
    return rc;
}

/* FOLDER/TRAIT/manifest.json: what the answers beside it are of, and what was made of them. */
static persona_code write_manifest(carry *x, size_t i, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *path = mem_printf("%s/%s/manifest.json", x->opts.export_to, x->packs[i]->name);
    const rig *const side[2] = {&x->source, &x->target};
    const char *sha = NULL;
    json_out o;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    TRY(path != NULL ? PERSONA_OK : mem_err(e, "a path"));
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
    jo_int(&o, "seed", (long long)x->mapping.seed);
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

static void hush(const carry *x)
{
    if (x->pause) {
        x->pause(x->talk.ud);
    }
}

static persona_code carry_one(carry *x, size_t i, persona_err *e)
{
    const persona_study_side from = rig_side(&x->source), to = rig_side(&x->target);
    persona_code rc = PERSONA_OK;
    const bool whole = x->opts.shard.count == 0;
    if (x->writes_vectors && whole) {
        TRY(place_of(x, i, e));
    }
    rc = persona_study_trait(&from, &to, x->pairs, x->packs[i], &x->opts, &x->hooks, &x->results[i],
                             e);
    if (rc == PERSONA_E_NEGATIVE && x->traits) {
        snprintf(x->failures[i], sizeof x->failures[i], "%s", e->msg);
        rc = PERSONA_OK;
    }
    TRY(rc);
    if (x->results[i] && x->writes_vectors && whole) {
        TRY(persona_vector_write(x->results[i]->transferred, x->paths[i], e));
    }
    if (x->results[i] && x->results[i]->evaluation && x->opts.export_to) {
        TRY(write_manifest(x, i, e));
    }
    hush(x);
    if (x->done) {
        rc = x->done(x, i, e);
    }
out:
    return rc;
}

static persona_code write_report(const carry *x, persona_err *e)
{
    report_trait *chapters = mem_calloc(x->n + 1, sizeof *chapters);
    report r = {.from = x->source.info,
                .to = x->target.info,
                .judge = x->target.judge ? persona_judge_name(x->target.judge) : "none",
                .questions = x->target.questions ? x->target.questions->name : NULL,
                .chapters = chapters,
                .n_chapters = x->n,
                .seed = x->mapping.seed,
                .seconds = x->seconds};
    persona_code rc = PERSONA_OK;
    TRY(chapters != NULL ? PERSONA_OK : mem_err(e, "a report"));
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
    x->opts.seed = x->mapping.seed;
    x->opts.fit = mapping_fit_opts(&x->mapping);
    x->opts.keep_jobs = !none && !x->mapping.no_cache;
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
        talk_say(
            &x->talk,
            "%s keeps no readings, so controls are missing and nothing can pass: fit it again, "
            "without --no-readings",
            x->map);
    }
    for (size_t i = 0; x->pairs && x->opts.evaluate && i < x->n; i++) {
        const int trait = pairs_trait(x->pairs, x->packs[i]->name);
        size_t n[2];
        pairs_poles(x->pairs, trait, n);
        if (trait < 0 || n[0] == 0 || n[1] == 0) {
            talk_say(
                &x->talk,
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
        const mapping_texts t = {&x->source, &x->target, &x->all, x->opts.n_questions,
                                 x->text_tokens};
        TRY(mapping_pairs(&x->mapping, &t, &x->hooks, &x->pairs, e));
    }
    if (x->pairs && x->length_option) {
        hush(x);
        mapping_say_pairs(&x->talk, x->pairs, x->length_option);
    }
    warn_of_poles(x);
    for (size_t i = 0; i < x->n; i++) {
        TRY(carry_one(x, i, e));
    }
    x->seconds = clock_now() - start;
    if (x->report && x->opts.shard.count == 0) {
        TRY(write_report(x, e));
    }
out:
    hush(x);
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
    if (!x->borrowed) {
        rig_close(&x->target);
        rig_close(&x->source);
    }
}
