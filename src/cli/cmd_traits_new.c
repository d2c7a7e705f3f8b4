/* SPDX-License-Identifier: MIT
 *
 * cmd_traits_new.c - `persona traits new`, `check` and `import`: packs that were not there before.
 *
 * A pack is saved only when it is whole and passes every check; a pack that is there is replaced
 * only with --force. What takes long (a model writing) begins after everything that can be refused
 * has been looked at.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/traits.h"
#include "core/text/trait_text.h"
#include "workbench/trait_json.h"

/* Where a pack of that name goes. Errors: USAGE (one is there), IO (cannot be written). */
static persona_code output_path(const traits_args *a, const char *name, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *out = NULL;
    if (a->output) {
        *out = cli_strdup(a->output);
    } else {
        TRY(persona_trait_place(name, out, e));
    }
    if (!a->force && file_exists(*out)) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "%s is there already (--force replaces it)", *out);
        goto out;
    }
    TRY(output_writable(*out, e));
out:
    return rc;
}

/* ---- check ----------------------------------------------------------------------------------- */

typedef struct warnings {
    char **p;
    size_t n;
} warnings;

static void warn(warnings *w, char *text)
{
    w->p = cli_resize(w->p, w->n + 1, sizeof *w->p);
    w->p[w->n++] = text;
}

static char *key_of(const char *text)
{
    char *key = text_key(text);
    return key ? key : cli_strdup("");
}

/* What no rule forbids but a careful author would change. */
static void look_closer(const persona_trait *t, warnings *w)
{
    char **keys = cli_alloc(t->n_questions, sizeof *keys);
    char *words = cli_format("%s %s", t->positive, t->negative), *adjectives = key_of(words);
    for (size_t i = 0; i < t->n_questions; i++) {
        keys[i] = key_of(t->questions[i]);
        if (text_mentions(keys[i], adjectives)) {
            warn(w, cli_format("questions[%zu] names the trait: %.80s", i, t->questions[i]));
        }
        for (size_t j = 0; j < i; j++) {
            if (text_is_near(keys[i], keys[j])) {
                warn(w, cli_format("questions[%zu] resembles questions[%zu]: %.80s", i, j,
                                   t->questions[i]));
            }
        }
    }
    const char *base = path_base(t->path);
    const size_t n = strlen(t->name);
    if (strncmp(base, t->name, n) != 0 || strcmp(base + n, ".json") != 0) {
        warn(w, cli_format("the file is to be called %s.json to be found by name", t->name));
    }
    persona_names_free(keys, t->n_questions);
    mem_free(adjectives);
    mem_free(words);
}

persona_code traits_check(const traits_args *a, persona_err *e)
{
    persona_trait *t = NULL;
    warnings w = {NULL, 0};
    persona_code rc = file_exists(a->name) ? persona_trait_read(a->name, &t, e)
                                           : persona_trait_find(a->name, &t, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    look_closer(t, &w);
    if (a->c->json) {
        cli_json j;
        json_out *o = cli_json_begin(&j, "traits");
        trait_json(o, t, true, false);
        jo_bool(o, "ok", true);
        jo_array(o, "warnings");
        for (size_t i = 0; i < w.n; i++) {
            jo_string(o, NULL, w.p[i]);
        }
        jo_end(o);
        rc = cli_json_end(a->c, &j, e);
    } else {
        printf("%s: good: trait %s, %zu instruction pairs, %zu questions\n", t->path, t->name,
               t->n_pairs, t->n_questions);
        for (size_t i = 0; i < w.n; i++) {
            printf("  note: %s\n", w.p[i]);
        }
    }
    persona_names_free(w.p, w.n);
    persona_trait_free(t);
    return rc;
}

/* ---- import ---------------------------------------------------------------------------------- */

static persona_code print_imported(cli_state *c, const persona_imported *x, char *const *paths,
                                   size_t n, persona_err *e)
{
    if (!c->json) {
        for (size_t i = 0; i < n; i++) {
            printf("%s: from %s to %s\n  %s\n", x[i].trait->name, x[i].trait->negative,
                   x[i].trait->positive, paths[i]);
            for (size_t k = 0; k < x[i].n_notes; k++) {
                printf("  note: %s\n", x[i].notes[k]);
            }
        }
        return PERSONA_OK;
    }
    cli_json j;
    json_out *o = cli_json_begin(&j, "traits");
    jo_array(o, "traits");
    for (size_t i = 0; i < n; i++) {
        jo_object(o, NULL);
        trait_json(o, x[i].trait, true, false);
        jo_array(o, "changes");
        for (size_t k = 0; k < x[i].n_notes; k++) {
            jo_string(o, NULL, x[i].notes[k]);
        }
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
    return cli_json_end(c, &j, e);
}

persona_code traits_import(const traits_args *a, persona_err *e)
{
    persona_imported *x = NULL;
    char **paths = NULL;
    size_t n = 0;
    persona_code rc = PERSONA_OK;
    TRY(persona_trait_import(a->name, &a->import, &x, &n, e));
    paths = cli_alloc(n, sizeof *paths);
    if (a->output && n > 1) {
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "%s holds %zu traits and --output names one file (choose one with "
                             "--name)",
                             a->name, n);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(output_path(a, x[i].trait->name, &paths[i], e));
    }
    for (size_t i = 0; i < n; i++) {
        TRY(persona_trait_save(x[i].trait, paths[i], e));
        mem_free(x[i].trait->path);
        x[i].trait->path = cli_strdup(paths[i]);
    }
    TRY(print_imported(a->c, x, paths, n, e));
out:
    persona_names_free(paths, n);
    persona_imported_free(x, n);
    return rc;
}

/* ---- new ------------------------------------------------------------------------------------- */

/* Whether the user, who sees what is wrong, wants to go on editing. Without a terminal: no. */
static bool ask_again(const persona_err *e)
{
    if (isatty(STDIN_FILENO) != 1 || isatty(STDERR_FILENO) != 1) {
        return false;
    }
    fprintf(stderr, "%s\nEdit again? [Y/n] ", e->msg);
    fflush(stderr);
    char line[16] = "n";
    return fgets(line, sizeof line, stdin) && line[0] != 'n' && line[0] != 'N';
}

static persona_code read_edited(const char *path, const char *name, persona_trait **out,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(persona_trait_read(path, out, e));
    if (strcmp((*out)->name, name) != 0) {
        rc = persona_err_set(e, PERSONA_E_FORMAT, "%s: field 'name' is '%s' (expected '%s')", path,
                             (*out)->name, name);
        persona_trait_free(*out);
        *out = NULL;
    }
out:
    return rc;
}

/* Lets the user edit a temporary copy; *t is what came of it. The copy stays when it is no pack. */
static persona_code edit_once(const char *path, const char *name, persona_trait **out,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(cli_edit(path, e));
    TRY(read_edited(path, name, out, e));
out:
    return rc;
}

static persona_code edit_pack(const traits_args *a, persona_trait **t, persona_err *e)
{
    const char *tmp = getenv("TMPDIR");
    char *path = cli_format("%s/persona-%s-XXXXXX.json", tmp && *tmp ? tmp : "/tmp", (*t)->name);
    persona_trait *edited = NULL;
    const int fd = mkstemps(path, 5);
    persona_code rc = fd < 0 ? persona_err_set(e, PERSONA_E_IO, "cannot make a file %s", path)
                             : persona_trait_save(*t, path, e);
    if (fd >= 0) {
        close(fd);
    }
    if (rc != PERSONA_OK) {
        goto out;
    }
    tty_progress_clear(&a->c->progress);
    do {
        rc = edit_once(path, (*t)->name, &edited, e);
    } while (rc == PERSONA_E_FORMAT && ask_again(e));
    if (rc == PERSONA_OK) {
        unlink(path);
        persona_trait_free(*t);
        *t = edited;
    } else if (rc == PERSONA_E_FORMAT) {
        const persona_err found = *e;
        persona_err_set(e, rc, "%.300s; edit it, then: persona traits check %s", found.msg, path);
    }
out:
    mem_free(path);
    return rc;
}

static persona_code write_pack(const traits_args *a, persona_trait **t, persona_write_report *r,
                               persona_err *e)
{
    rig x;
    persona_write_opts o = a->write;
    o.seed = a->c->seed;
    const persona_trait_words words = {a->name, a->import.positive, a->import.negative,
                                       a->import.description};
    persona_code rc = PERSONA_OK;
    TRY(rig_open_model(&a->c->rig, a->model, false, &x, e));
    TRY(rig_open_session(&a->c->rig, &x, 6, 3072, e));
    TRY(persona_trait_write(x.session, &words, &o, &a->c->hooks, t, r, e));
out:
    rig_close(&x);
    return rc;
}

static persona_code print_new(const traits_args *a, const persona_trait *t,
                              const persona_write_report *r, persona_err *e)
{
    const struct {
        const char *key;
        size_t n;
    } dropped[] = {{"unreadable", r->n_unreadable},
                   {"unfit", r->n_unfit},
                   {"no_question", r->n_no_question},
                   {"mention", r->n_mention},
                   {"repeat", r->n_repeat}};
    if (!a->c->json) {
        traits_show_text(t);
        cli_say(a->c, "%d %s, %zu tokens, %s; look it over: persona traits check %s", r->n_tries,
                r->n_tries == 1 ? "try" : "tries", r->n_tokens, cli_duration(r->seconds), t->path);
        return PERSONA_OK;
    }
    cli_json j;
    json_out *o = cli_json_begin(&j, "traits");
    trait_json(o, t, true, true);
    jo_string(o, "model", a->model);
    jo_string(o, "output", t->path);
    jo_int(o, "tries", r->n_tries);
    jo_object(o, "dropped");
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
        jo_int(o, dropped[i].key, (long long)dropped[i].n);
    }
    jo_end(o);
    jo_int(o, "seed", a->c->seed);
    jo_int(o, "n_tokens", (long long)r->n_tokens);
    jo_number(o, "seconds", r->seconds);
    return cli_json_end(a->c, &j, e);
}

persona_code traits_new(const traits_args *a, persona_err *e)
{
    char *path = NULL, *place = NULL;
    persona_trait *t = NULL;
    persona_write_report r = {.n_tries = 0};
    persona_code rc = PERSONA_OK;
    TRY(persona_trait_place(a->name, &place, e)); /* a name, even with --output */
    TRY(output_path(a, a->name, &path, e));
    TRY(write_pack(a, &t, &r, e));
    if (a->edit) {
        TRY(edit_pack(a, &t, e));
    }
    TRY(persona_trait_save(t, path, e));
    mem_free(t->path);
    t->path = cli_strdup(path);
    TRY(print_new(a, t, &r, e));
out:
    persona_trait_free(t);
    mem_free(path);
    mem_free(place);
    return rc;
}
