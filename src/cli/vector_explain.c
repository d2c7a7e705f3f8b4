/* SPDX-License-Identifier: MIT
 *
 * vector_explain.c - `persona vector explain V --model M`: the tokens that each block's direction
 * promotes and suppresses. Early blocks speak of what comes next in the model, not of the answer;
 * the later the block, the more its words mean.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "cli/table.h"
#include "cli/vector_cmd.h"
#include "workbench/vector_json.h"

typedef struct explaining {
    const vector_args *a;
    const persona_model *m;
    const persona_lens *x;
} explaining;

static persona_code explain_json(const explaining *w, const vector_input *in, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    jo_string(o, "vector", in->name);
    jo_string(o, "trait", in->v->from.trait);
    jo_string(o, "model", w->a->engine->info->path);
    TRY(lens_json(o, w->m, w->x, in->v->from.best_layer, e));
    return cli_json_end(w->a->c, &j, e);
out:
    buf_free(&j.text);
    return rc;
}

/* A token as a word of a line: no line ends, quotes where blanks would not be seen. */
static persona_code put_word(const explaining *w, const persona_lens_token *t, buf *out,
                             persona_err *e)
{
    char *piece = NULL;
    const persona_code rc = persona_detokenize(w->m, &t->id, 1, true, &piece, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    const bool blank = strspn(piece, " \t\r\n") == strlen(piece);
    buf_puts(out, out->len > 0 ? "  " : "");
    buf_puts(out, blank ? "\"" : "");
    for (const char *p = *piece == ' ' && !blank ? piece + 1 : piece; *p; p++) {
        if ((unsigned char)*p >= ' ' && *p != 0x7f) {
            buf_putc(out, *p);
        } else {
            buf_printf(out, *p == '\n' ? "\\n" : "\\x%02x", (unsigned)(unsigned char)*p);
        }
    }
    buf_puts(out, blank ? "\"" : "");
    free(piece);
    return PERSONA_OK;
}

static persona_code words(const explaining *w, const persona_lens_token *list, size_t n, buf *out,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf_clear(out);
    for (size_t i = 0; i < n && i < w->x->n; i++) {
        TRY(put_word(w, &list[i], out, e));
    }
out:
    return rc;
}

/* All of the best block and of the last, which speaks plainest; of the others the first few. */
static persona_code explain_text(const explaining *w, const vector_input *in, persona_err *e)
{
    static const table_column columns[] = {{"", TABLE_LEFT},
                                           {"block", TABLE_RIGHT},
                                           {"promotes", TABLE_LEFT},
                                           {"suppresses", TABLE_LEFT}};
    persona_code rc = PERSONA_OK;
    const int best = in->v->from.best_layer;
    buf text;
    table t;
    buf_init(&text, 1 << 20);
    table_init(&t, columns, 4);
    for (size_t k = 0; k < w->x->n_layers; k++) {
        const persona_lens_layer *l = &w->x->layers[k];
        table_cell(&t, "%s", l->block != best ? "" : tty_utf8() ? "→" : ">");
        table_cell(&t, "%d", l->block);
        TRY(words(w, l->promoted, 6, &text, e));
        table_cell(&t, "%s", buf_str(&text));
        TRY(words(w, l->suppressed, 6, &text, e));
        table_cell(&t, "%s", buf_str(&text));
    }
    table_print(&t, stdout, 0);
    for (size_t k = 0; k < w->x->n_layers; k++) {
        const persona_lens_layer *l = &w->x->layers[k];
        if (l->block == best || k + 1 == w->x->n_layers) {
            TRY(words(w, l->promoted, w->x->n, &text, e));
            printf("\nblock %d promotes: %s\n", l->block, buf_str(&text));
            TRY(words(w, l->suppressed, w->x->n, &text, e));
            printf("block %d suppresses: %s\n", l->block, buf_str(&text));
        }
    }
out:
    table_free(&t);
    buf_free(&text);
    return rc;
}

persona_code vector_explain(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    (void)n; /* one */
    persona_code rc = PERSONA_OK;
    persona_lens *x = NULL;
    TRY(persona_vector_explain(a->engine->model, in->v, (size_t)a->top, a->c->hooks.cancel, &x, e));
    const explaining w = {a, a->engine->model, x};
    rc = a->c->json ? explain_json(&w, in, e) : explain_text(&w, in, e);
out:
    persona_lens_free(x);
    return rc;
}
