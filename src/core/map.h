#ifndef PERSONA_CORE_MAP_H
#define PERSONA_CORE_MAP_H
#include "base/linalg.h"
#include <stdbool.h>
typedef struct map {
    size_t ds, dt, k;
    float *left;
    float *right;
} map;
void map_free(map *m);
persona_code map_apply(const map *m, const float *v, float *out, persona_err *e);
typedef struct map_data {
    mat x, y;
    const size_t *group;
    size_t n_groups;
    const size_t *pos, *neg;
    size_t n_contrasts;
} map_data;
typedef struct map_opts {
    double lambda;
    int rank;
    int n_anchors;
    int n_shuffles;
    unsigned seed;
} map_opts;
map_opts map_defaults(void);
typedef struct map_report {
    double lambda;
    size_t rank, n, n_contrasts, n_groups;
    double r2_heldout, r2_contrast, r2_shuffled, r2_shuffled_max;
} map_report;
typedef struct map_method {
    const char *name, *summary;
    bool needs_contrasts;
    persona_code (*fit)(const map_data *d, const map_opts *o, map **out, map_report *rep,
                        persona_err *e);
} map_method;
const map_method *map_method_at(size_t i);
const map_method *map_method_find(const char *name);
persona_code map_fit(const map_method *m, const map_data *d, const map_opts *o, map **out,
                     map_report *rep, persona_err *e);
#endif
