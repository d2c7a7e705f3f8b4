/* SPDX-License-Identifier: MIT
 *
 * probe_spec.c - names of probes to directions (probe_spec.h).
 */
#include "workbench/probe_spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

typedef struct probe_spec {
    char *name;
    int first, last; /* -1: the best block */
} probe_spec;

/* "@3" or "@3-5" at the end is a range; any other @ belongs to the name. */
static persona_code parse(const char *text, int block, probe_spec *out, persona_err *e)
{
    const char *at = strrchr(text, '@');
    char *end = NULL;
    *out = (probe_spec){.first = block, .last = block};
    if (at != NULL && at[1] >= '0' && at[1] <= '9') {
        const long first = strtol(at + 1, &end, 10);
        const long last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        if (*end != '\0' || last < first || last > 4095) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "'%.200s': blocks are a number or a range such as @3-5", text);
        }
        out->first = (int)first;
        out->last = (int)last;
    }
    out->name = end != NULL ? mem_strndup(text, (size_t)(at - text)) : mem_strdup(text);
    return out->name != NULL ? PERSONA_OK : mem_err(e, "a name");
}

static persona_code find(library *l, persona_model *m, const char *name, persona_vector **out,
                         persona_err *e)
{
    return l != NULL ? library_vector_named(l, m, name, out, e)
                     : persona_vector_find(m, name, out, e);
}

persona_code probe_spec_add(persona_probes *p, persona_model *m, library *l, const char *spec,
                            int block, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    probe_spec x = {.name = NULL};
    persona_vector *v = NULL;
    const size_t before = p->n;
    TRY(parse(spec, block, &x, e));
    TRY(find(l, m, x.name, &v, e));
    for (int b = x.first; b <= x.last; b++) {
        const bool absent = b >= 0 && (b >= v->n_layer || !v->layers[b].present);
        if (x.first < x.last && absent) {
            continue; /* of a range only what is there */
        }
        TRY(persona_probes_add(p, m, x.name, v, b, e));
    }
    if (p->n == before) {
        rc = persona_err_set(e, PERSONA_E_SHAPE, "%s: the file holds no direction for blocks %d-%d",
                             x.name, x.first, x.last);
    }
out:
    if (l != NULL && v != NULL) {
        library_release(l, v);
    } else {
        persona_vector_free(v);
    }
    mem_free(x.name);
    return rc;
}

double probe_z(double x, double mean, double sd)
{
    return sd > 0 ? (x - mean) / sd : (double)NAN;
}
