/* SPDX-License-Identifier: MIT
 *
 * cvectors.c - control vectors that are set for everybody (cvectors.h).
 */
#include "server/serve/cvectors.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/try.h"

struct cvectors {
    pthread_mutex_t lock;
    cvector list[CVECTORS_MAX];
    size_t n;
};

persona_code cvectors_new(cvectors **out, persona_err *e)
{
    cvectors *x = mem_calloc(1, sizeof *x);
    *out = x;
    if (x == NULL) {
        return mem_err(e, "control vectors");
    }
    pthread_mutex_init(&x->lock, NULL);
    return PERSONA_OK;
}

void cvectors_free(cvectors *x)
{
    if (x != NULL) {
        pthread_mutex_destroy(&x->lock);
        mem_free(x);
    }
}

size_t cvectors_of(cvectors *x, const char *model, cvector *out)
{
    size_t n = 0;
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < x->n; i++) {
        if (strcmp(x->list[i].model, model) == 0) {
            out[n++] = x->list[i];
        }
    }
    pthread_mutex_unlock(&x->lock);
    return n;
}

persona_code cvectors_set(cvectors *x, const char *model, const cvector *list, size_t n,
                          persona_err *e)
{
    size_t others = 0;
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < x->n; i++) {
        others += strcmp(x->list[i].model, model) != 0;
    }
    const bool fits = others + n <= CVECTORS_MAX;
    if (fits) {
        size_t at = 0;
        for (size_t i = 0; i < x->n; i++) {
            if (strcmp(x->list[i].model, model) != 0) {
                x->list[at++] = x->list[i];
            }
        }
        if (n > 0) {
            memcpy(&x->list[at], list, n * sizeof *list);
        }
        x->n = at + n;
    }
    pthread_mutex_unlock(&x->lock);
    return fits ? PERSONA_OK
                : persona_err_set(e, PERSONA_E_USAGE, "more than %d control vectors", CVECTORS_MAX);
}

persona_code cvectors_expression(const cvector *list, size_t n, char **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    buf text;
    buf_init(&text, 1 << 16);
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        if (list[i].scale != 0) {
            buf_printf(&text, "%s%.9g*raw:%s@%d-%d:prompt:response",
                       text.len == 0 ? (list[i].scale < 0 ? "-" : "")
                                     : (list[i].scale < 0 ? " - " : " + "),
                       fabs(list[i].scale), list[i].name, list[i].first, list[i].last);
        }
    }
    TRY(buf_ok(&text, "control vectors", e));
    *out = text.len > 0 ? buf_take(&text) : NULL;
out:
    buf_free(&text);
    return rc;
}
