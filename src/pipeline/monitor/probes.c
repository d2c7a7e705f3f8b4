/* SPDX-License-Identifier: MIT
 *
 * probes.c - vectors to read along, sorted by block as taps want them (persona/monitor.h).
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/monitor.h"

persona_code persona_probes_new(persona_model *m, persona_probes **out, persona_err *e)
{
    *out = mem_calloc(1, sizeof **out);
    if (*out == NULL) {
        return mem_err(e, "probes");
    }
    (*out)->n_embd = persona_model_info_get(m)->n_embd;
    return PERSONA_OK;
}

void persona_probes_free(persona_probes *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        mem_free(p->list[i].name);
    }
    mem_free(p->list);
    mem_free(p->blocks);
    mem_free(p->directions);
    mem_free(p);
}

static persona_code check(const persona_model_info *info, const char *name, const persona_vector *v,
                          int block, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(persona_vector_addable(v, name, e));
    if (v->n_embd != info->n_embd) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: the vector is %d wide, the model %s is %d",
                               name, v->n_embd, info->name, info->n_embd);
    }
    if (block < 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "%s: the file knows no best block, so say which one to read", name);
    }
    if (block > info->n_layer - 2) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s: block %d is not within 0..%d (the model's last block is not "
                               "read)",
                               name, block, info->n_layer - 2);
    }
    if (block >= v->n_layer || !v->layers[block].present) {
        return persona_err_set(e, PERSONA_E_SHAPE, "%s: the file holds no direction for block %d",
                               name, block);
    }
    if (!(v->layers[block].norm > 0)) {
        return persona_err_set(e, PERSONA_E_NUMERIC, "%s: the direction of block %d is all zeros",
                               name, block);
    }
out:
    return rc;
}

static persona_code make_room(persona_probes *p, persona_err *e)
{
    const size_t n = p->n + 1;
    persona_probe *list = mem_realloc(p->list, n, sizeof *list);
    p->list = list != NULL ? list : p->list;
    int *blocks = mem_realloc(p->blocks, n, sizeof *blocks);
    p->blocks = blocks != NULL ? blocks : p->blocks;
    float *directions = mem_realloc(p->directions, n * (size_t)p->n_embd, sizeof *directions);
    p->directions = directions != NULL ? directions : p->directions;
    return list != NULL && blocks != NULL && directions != NULL ? PERSONA_OK : mem_err(e, "probes");
}

persona_code persona_probes_add(persona_probes *p, persona_model *m, const char *name,
                                const persona_vector *v, int block, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *hash = NULL;
    const size_t d = (size_t)p->n_embd;
    char *copy = NULL;
    block = block < 0 ? v->from.best_layer : block;
    TRY(check(persona_model_info_get(m), name, v, block, e));
    TRY(persona_model_sha256(m, &hash, e));
    copy = mem_strdup(name);
    TRY(copy != NULL ? PERSONA_OK : mem_err(e, "probes"));
    TRY(make_room(p, e));
    size_t at = p->n;
    while (at > 0 && p->blocks[at - 1] > block) {
        at--;
    }
    memmove(p->list + at + 1, p->list + at, (p->n - at) * sizeof *p->list);
    memmove(p->blocks + at + 1, p->blocks + at, (p->n - at) * sizeof *p->blocks);
    memmove(p->directions + (at + 1) * d, p->directions + at * d,
            (p->n - at) * d * sizeof *p->directions);
    const persona_vector_layer *l = &v->layers[block];
    const bool here = strcmp(hash, v->from.model_hash) == 0;
    const bool own = here && l->neutral_sd > 0, of_tokens = here && l->token_sd > 0;
    p->list[at] = (persona_probe){.name = copy,
                                  .block = block,
                                  .mean = own ? (double)l->neutral_mean : (double)NAN,
                                  .sd = own ? (double)l->neutral_sd : (double)NAN,
                                  .token_mean = of_tokens ? (double)l->token_mean : (double)NAN,
                                  .token_sd = of_tokens ? (double)l->token_sd : (double)NAN};
    copy = NULL;
    p->blocks[at] = block;
    float *u = p->directions + at * d;
    memcpy(u, persona_vector_row(v, block), d * sizeof *u);
    vec_scale(u, 1 / vec_norm(u, d), d);
    p->n++;
out:
    mem_free(copy);
    return rc;
}

persona_tap persona_probes_tap(const persona_probes *p, persona_tap_span span, bool before_edits)
{
    return (persona_tap){.mode = PERSONA_TAP_PROJECT,
                         .span = span,
                         .blocks = p->blocks,
                         .n_blocks = p->n,
                         .before_edits = before_edits,
                         .directions = p->directions};
}
