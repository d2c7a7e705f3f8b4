/* SPDX-License-Identifier: MIT
 *
 * classifierwrite.c - writes what store/classifier/classifierfile.c reads, and beside it how it
 * was trained: what was measured, from which labels, and `training`, which no reader needs.
 */
#include "store/classifier/classifierwrite.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/classifier/measured.h"

#define FILE_MAX ((size_t)256 << 20) /* as much as the reader takes */

/* mem_free() it; NULL: out of memory. */
static char *base64(const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = mem_calloc(n / 3 + 2, 4);
    char *at = out;
    for (size_t i = 0; out && i < n; i += 3) {
        const size_t have = n - i < 3 ? n - i : 3;
        unsigned group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (k < have ? p[i + k] : 0U);
        }
        for (size_t k = 0; k < 4; k++) {
            *at++ = k <= have ? digits[group >> (18 - 6 * k) & 63] : '=';
        }
    }
    return out;
}

static void write_axis(json_out *o, const char *trait, const trained_axis *a, double neutral)
{
    const axis_report *r = &a->report;
    jo_object(o, trait);
    jo_number(o, "bias", a->bias);
    jo_number(o, "neutral", neutral);
    jo_object(o, "heldout");
    jo_int(o, "n", (long long)r->n);
    jo_int(o, "n_high", (long long)r->n_high);
    jo_int(o, "n_low", (long long)r->n_low);
    jo_int(o, "n_groups", (long long)r->n_groups);
    jo_int(o, "n_folds", (long long)r->n_folds);
    jo_number(o, "l2", (double)(float)r->l2);
    jo_number(o, "auroc", (double)(float)r->auroc);
    jo_number(o, "spearman", (double)(float)r->spearman);
    jo_number(o, "accuracy", (double)(float)r->accuracy);
    jo_number(o, "mae", (double)(float)r->mae);
    jo_object(o, "by_question");
    jo_int(o, "n", (long long)r->n_by_question);
    jo_number(o, "spearman", (double)(float)r->by_question);
    jo_end(o);
    jo_end(o);
    jo_object(o, "weights");
    for (size_t i = 0; i < a->n; i++) {
        jo_number(o, a->grams[i], a->weights[i]);
    }
    jo_end(o);
    jo_end(o);
}

static void write_coherence(json_out *o, const classifier_draft *d, const char *filter)
{
    const coherence_report *r = d->report;
    jo_object(o, "coherence");
    jo_number(o, "bias", d->coherence->bias);
    jo_number(o, "pairs", d->coherence->pairs);
    jo_number(o, "triples", d->coherence->triples);
    jo_number(o, "repetition", d->coherence->repetition);
    jo_object(o, "heldout");
    jo_int(o, "n", (long long)r->n);
    jo_int(o, "n_grams", (long long)r->n_grams);
    jo_number(o, "clean_mean", (double)(float)r->clean);
    jo_number(o, "clean_p5", (double)(float)r->clean_p5);
    jo_number(o, "shuffled_mean", (double)(float)r->shuffled);
    jo_number(o, "salad_mean", (double)(float)r->replaced);
    jo_number(o, "loops_mean", (double)(float)r->looped);
    jo_number(o, "auroc", (double)(float)r->auroc);
    jo_end(o);
    jo_int(o, "bits", (long long)d->coherence->bits);
    jo_string(o, "filter", filter);
    jo_end(o);
}

static void write_all(json_out *o, const classifier_draft *d, const char *filter)
{
    jo_object(o, NULL);
    jo_string(o, "schema", "persona.classifier/1");
    jo_string(o, "name", d->name);
    jo_object(o, "training");
    jo_int(o, "seed", (long long)d->opts->seed);
    jo_int(o, "min_texts", (long long)d->opts->min_texts);
    jo_end(o);
    measured_write_labels(o, d->labels_by, d->labels_of);
    jo_string(o, "texts", d->texts);
    jo_array(o, "ngrams");
    for (size_t k = 0; k < d->opts->n_orders; k++) {
        jo_int(o, NULL, d->opts->orders[k]);
    }
    jo_end(o);
    jo_object(o, "axes");
    for (size_t i = 0; i < d->n_axes; i++) {
        write_axis(o, d->traits[i], &d->axes[i], d->neutral[i]);
    }
    jo_end(o);
    write_coherence(o, d, filter);
    jo_end(o);
}

persona_code classifier_write(const char *path, const classifier_draft *d, persona_err *e)
{
    buf text;
    json_out o;
    persona_code rc = PERSONA_OK;
    buf_init(&text, FILE_MAX);
    char *filter = base64(d->coherence->filter, (size_t)(d->coherence->bits / 8));
    if (!filter) {
        rc = mem_err(e, "the filter of a classifier");
        goto out;
    }
    jo_init(&o, &text, true); /* a line for each n-gram: such files are read by people, too */
    write_all(&o, d, filter);
    buf_putc(&text, '\n');
    if ((rc = buf_ok(&text, path, e)) == PERSONA_OK) {
        rc = file_write(path, text.p, text.len, e);
    }
out:
    mem_free(filter);
    buf_free(&text);
    return rc;
}
