/* SPDX-License-Identifier: MIT
 *
 * cmd_map.c - `persona map fit|show`: a map between two models as a file.
 *
 * A map costs hours on large models and serves every vector of the source afterwards, without the
 * texts and without the source model. It remembers which texts it was fitted on; what it says
 * about a trait whose texts it has seen is in-sample, so --without names the traits to be carried
 * over later.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "core/map/mapobject.h"
#include "pipeline/transfer/pairs_parts.h"
#include "workbench/results.h"

typedef struct map_args {
    cli_state *c;
    const char *from, *to, *without, *output;
    int max_tokens;
    bool readings; /* are kept */
    size_t n_cut;  /* texts */
} map_args;

enum { FIT = 1, SHOW = 2 };

static const cli_action actions[] = {
    {"fit", FIT, "--from FILE --to FILE -o MAP", NULL, 0, 0},
    {"show", SHOW, "MAP", "one map file", 1, 1},
    {.name = NULL},
};

#define AT(member) offsetof(map_args, member)

static const opt options[] = {
    {.name = "from",
     .required = true,
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(from),
     .help = "The source model (GGUF)"},
    {.name = "to",
     .required = true,
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(to),
     .help = "The target model (GGUF)"},
    {.name = "without",
     .type = OPT_TEXT,
     .arg = "A,B",
     .at = AT(without),
     .help = "Traits whose texts the map must not see"},
    {.name = "output",
     .key = 'o',
     .required = true,
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(output),
     .help = "Where the map goes"},
    {.name = "max-tokens",
     .type = OPT_INT,
     .arg = "N",
     .min = 1,
     .max = 1 << 16,
     .at = AT(max_tokens),
     .without = "96",
     .help = "Length of a text at most"},
    {.name = "readings",
     .type = OPT_ON,
     .at = AT(readings),
     .help =
         "Keep the texts and what both models read at the map's blocks, so that 'transfer --map' "
         "has every control (the default)"},
    {.name = "no-readings",
     .type = OPT_OFF,
     .at = AT(readings),
     .help = "Keep only the map: smaller, but no transfer through it can pass"},
    {.name = NULL},
};
static const opt_group map_options = {NULL, false, options};

/* ---- output ---------------------------------------------------------------------------------- */

/* cut: texts that were cut to fit one; NULL: a map that was not fitted now. */
static persona_code print_json(cli_state *c, const persona_map *m, const char *path, double seconds,
                               const size_t *cut, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "map");
    const persona_map_side *const sides[2] = {&m->from, &m->to};
    for (size_t i = 0; i < 2; i++) {
        jo_object(o, i == 0 ? "from" : "to");
        jo_string(o, "name", sides[i]->name);
        jo_string(o, "arch", sides[i]->arch);
        jo_string(o, "sha256", sides[i]->hash);
        jo_int(o, "n_layer", sides[i]->n_layer);
        jo_int(o, "n_embd", sides[i]->n_embd);
        jo_end(o);
    }
    jo_string(o, "method", m->method);
    jo_string(o, "pairing", m->pairing);
    jo_int(o, "n_texts", (long long)m->n_texts);
    if (cut) {
        jo_int(o, "n_texts_cut", (long long)*cut);
    }
    jo_int(o, "n_rows", (long long)m->n_rows);
    jo_int(o, "n_contrasts", (long long)m->n_contrasts);
    jo_int(o, "n_groups", (long long)m->n_groups);
    jo_array(o, "traits");
    for (size_t i = 0; i < m->n_traits; i++) {
        jo_string(o, NULL, m->traits[i]);
    }
    jo_end(o);
    jo_array(o, "blocks");
    for (size_t i = 0; i < m->n_blocks; i++) {
        const persona_map_block *b = &m->blocks[i];
        jo_object(o, NULL);
        jo_int(o, "layer_from", b->from);
        jo_int(o, "layer_to", b->to);
        jo_number(o, "lambda", b->lambda);
        jo_int(o, "rank", b->rank);
        jo_number(o, "r2_heldout", b->r2_heldout);
        jo_number(o, "r2_contrast", b->r2_contrast);
        jo_number(o, "r2_shuffled", b->r2_shuffled);
        jo_number(o, "r2_shuffled_max", b->r2_shuffled_max);
        const persona_map_r2 question = {b->r2_heldout, b->r2_contrast};
        map_r2_json(o, &question, &b->by_trait, &b->by_both);
        jo_end(o);
    }
    jo_end(o);
    jo_string(o, "without", m->without);
    jo_string(o, "leave", persona_leave_name(m->leave));
    jo_int(o, "n_named", (long long)m->n_named);
    jo_int(o, "n_leaning", (long long)m->n_leaning);
    if (m->readings) {
        jo_object(o, "readings");
        jo_int(o, "n_texts", (long long)m->readings->n);
        jo_int(o, "size_bytes", (long long)readings_bytes(m));
        jo_string(o, "judge", m->readings->judge);
        jo_end(o);
    } else {
        jo_null(o, "readings");
    }
    jo_int(o, "seed", (long long)m->seed);
    jo_string(o, "output", path);
    if (seconds > 0) {
        jo_number(o, "seconds", seconds);
    }
    return cli_json_end(c, &j, e);
}

static void print_text(const persona_map *m)
{
    static const table_column columns[] = {
        {"block", TABLE_LEFT},    {"lambda", TABLE_RIGHT},       {"rank", TABLE_RIGHT},
        {"R2 rows", TABLE_RIGHT}, {"R2 contrasts", TABLE_RIGHT}, {"shuffled", TABLE_RIGHT},
        {"at most", TABLE_RIGHT}, {"by trait", TABLE_RIGHT},     {"by both", TABLE_RIGHT},
    };
    table t;
    printf("%s%s -> %s%s  %s on %zu texts (%zu rows of %ss, %zu contrasts)\n",
           tty_paint(stdout, TTY_BOLD), m->from.name, m->to.name, tty_paint(stdout, TTY_RESET),
           m->method, m->n_texts, m->n_rows, m->pairing, m->n_contrasts);
    printf("  from %s, %d blocks, %d wide, %.16s\n  to   %s, %d blocks, %d wide, %.16s\n  traits",
           m->from.arch, m->from.n_layer, m->from.n_embd, m->from.hash, m->to.arch, m->to.n_layer,
           m->to.n_embd, m->to.hash);
    for (size_t i = 0; i < m->n_traits; i++) {
        printf("%s %s", i > 0 ? "," : "", m->traits[i]);
    }
    printf("%s\n", m->n_traits == 0 ? " none" : "");
    if (*m->without) {
        printf("  without %s: %zu texts of them%s", m->without, m->n_named,
               m->leave == PERSONA_LEAVE_NAME ? ", by name only\n" : "");
        if (m->leave != PERSONA_LEAVE_NAME) {
            printf(", %zu more that show them (%s)\n", m->n_leaning, persona_leave_name(m->leave));
        }
    }
    if (m->readings) {
        printf("  readings of %zu texts are kept for controls: %s\n", m->readings->n,
               cli_bytes(readings_bytes(m)));
    } else {
        puts("  no readings are kept: no transfer through it can pass");
    }
    putchar('\n');
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < m->n_blocks; i++) {
        const persona_map_block *b = &m->blocks[i];
        table_cell(&t, "%d -> %d", b->from, b->to);
        table_cell(&t, "%.3g", b->lambda);
        char rank[16] = "full";
        if (b->rank > 0) {
            snprintf(rank, sizeof rank, "%d", b->rank);
        }
        table_cell(&t, "%s", rank);
        table_cell(&t, "%s", cli_number(b->r2_heldout, 3));
        table_cell(&t, "%s", cli_number(b->r2_contrast, 3));
        table_cell(&t, "%s", cli_number(b->r2_shuffled, 3));
        table_cell(&t, "%s", cli_number(b->r2_shuffled_max, 3));
        table_cell(&t, "%s", cli_number(b->by_trait.contrasts, 3));
        table_cell(&t, "%s", cli_number(b->by_both.contrasts, 3));
    }
    table_print(&t, stdout, 2);
    table_free(&t);
}

/* ---- work ------------------------------------------------------------------------------------ */

/* Every pack, and those that --without names: with readings these have texts, too, which controls
 * need and the map does not see. Errors: NOTFOUND (no pack of a name). */
static persona_code split_packs(const map_args *a, trait_set *packs, trait_set *without,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char **names = NULL;
    size_t n = 0, kept = 0;
    if (a->without) {
        cli_split(a->without, &names, &n);
    }
    without->p = cli_alloc(n, sizeof *without->p);
    for (; without->n < n; without->n++) {
        TRY(persona_trait_find(names[without->n], &without->p[without->n], e));
    }
    TRY(trait_set_open(without->n > 0 ? without->p[0] : NULL, packs, e));
    for (size_t i = 0; i < packs->n; i++) {
        if (!a->readings && map_names_trait(a->without, packs->p[i]->name)) {
            persona_trait_free(packs->p[i]);
        } else {
            packs->p[kept++] = packs->p[i];
        }
    }
    packs->n = kept;
out:
    persona_names_free(names, n);
    return rc;
}

/* What the texts show of the traits that are left out; nothing, with a word, where no judge knows
 * them all: then they are left out by name, and no transfer through the map can pass. */
static persona_code look_for(const map_args *a, const rig *to, const persona_pairs *pairs,
                             const trait_set *without, persona_lean **out, persona_err *e)
{
    for (size_t i = 0; i < without->n; i++) {
        if (!to->judge || !persona_judge_knows(to->judge, without->p[i]->name)) {
            cli_say(a->c,
                    "'%s' is left out by its name only: no judge looks for it in the other texts "
                    "(--judge)",
                    without->p[i]->name);
            return PERSONA_OK;
        }
    }
    return without->n > 0
               ? persona_pairs_lean(pairs, to->judge, (const persona_trait *const *)without->p,
                                    without->n, &a->c->hooks, out, e)
               : PERSONA_OK;
}

/* With too few texts that do not show the traits these are left out by name, as transfer does. */
static persona_code decide(const map_args *a, const persona_pairs *pairs, persona_fit_opts *o,
                           persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n = 0;
    TRY(persona_map_texts_left(pairs, o, PERSONA_LEAVE_STRICT, &n, e));
    if (o->lean && n < PERSONA_LEAVE_MIN_TEXTS) {
        cli_say(a->c,
                "not decidable: only %zu texts do not show '%s' (%d are needed), so it is left out "
                "by its name, and no transfer of it can pass",
                n, o->without, PERSONA_LEAVE_MIN_TEXTS);
        o->leave = PERSONA_LEAVE_NAME;
    }
out:
    return rc;
}

static persona_code fit(map_args *a, persona_map **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    rig from = {0}, to = {0};
    trait_set packs = {0}, without = {0};
    persona_pairs *pairs = NULL;
    persona_lean *lean = NULL;
    const mapping_opts m = cli_mapping_opts(a->c);
    const talk_sink t = cli_talk(a->c);
    persona_fit_opts o = mapping_fit_opts(&m);
    TRY(output_writable(a->output, e));
    TRY(split_packs(a, &packs, &without, e));
    TRY(cli_open_side(a->c, a->from, NULL, &from, e));
    TRY(cli_open_side(a->c, a->to, &from, &to, e));
    const mapping_texts texts = {&from, &to, &packs, from.n_questions, a->max_tokens};
    TRY(mapping_pairs(&m, &texts, &a->c->hooks, &pairs, e));
    tty_progress_clear(&a->c->progress);
    mapping_say_pairs(&t, pairs, "--max-tokens");
    a->n_cut = pairs->n_cut;
    TRY(look_for(a, &to, pairs, &without, &lean, e));
    o.without = a->without;
    o.lean = lean;
    o.keep = a->readings;
    TRY(decide(a, pairs, &o, e));
    TRY(persona_map_fit(pairs, &o, &a->c->hooks, out, e));
    TRY(persona_map_write(*out, a->output, e));
out:
    persona_lean_free(lean);
    persona_pairs_free(pairs);
    rig_close(&to);
    rig_close(&from);
    trait_set_free(&packs);
    trait_set_free(&without);
    return rc;
}

static persona_code run_map(void *p, persona_err *e)
{
    map_args *a = p;
    cli_state *c = a->c;
    persona_map *m = NULL;
    const double start = clock_now();
    const bool fits = c->action->bit == FIT;
    const char *path = fits ? a->output : c->words[0];
    persona_code rc = PERSONA_OK;
    TRY(fits ? fit(a, &m, e) : persona_map_read(path, &m, e));
    tty_progress_clear(&c->progress);
    if (c->json) {
        rc = print_json(c, m, path, fits ? clock_now() - start : 0, fits ? &a->n_cut : NULL, e);
        goto out;
    }
    print_text(m);
    if (fits) {
        printf("%s  (%s)\n", path, cli_duration(clock_now() - start));
    }
out:
    tty_progress_clear(&c->progress);
    persona_map_free(m);
    return rc;
}

static persona_code check(void *p, persona_err *e)
{
    const map_args *a = p;
    if (a->c->rig.judge_validity) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "map takes no --judge-validity: no answer is judged here");
    }
    return PERSONA_OK;
}

static void init(void *p)
{
    ((map_args *)p)->readings = true;
}

const cli_command command_map = {
    .name = "map",
    .summary = "Fit a map between two models once, to carry many vectors; show one",
    .about = "Fits a linear map from one model's activations to another's on texts that both have "
             "read, for the most promising pairs of blocks, and keeps it as a file that `persona "
             "transfer --map` uses; or shows such a file.",
    .actions = actions,
    .groups = {{&map_options, FIT},
               {&opt_group_mapping, 0},
               {&opt_group_model, 0},
               {&opt_group_judge, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(map_args),
    .init = init,
    .check = check,
    .run = run_map,
};
