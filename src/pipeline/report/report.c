/* SPDX-License-Identifier: MIT
 *
 * report.c - one self-contained page about the studies of several traits.
 *
 * The order is that of a reader: what was done, what came out, then trait by trait the curve, the
 * answers in words, the vector, and the table with every number; last how to read it, and what to
 * state to repeat it. All text from models and packs goes through html_text.
 */
#include "pipeline/report/report.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/try.h"
#include "persona/persona.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/report/report_arms.h"
#include "pipeline/report/report_css.h"
#include "pipeline/report/report_svg.h"
#include "pipeline/report/report_witness.h"

enum { PAGE_MAX = 16 << 20 };

/* ---- small pieces ---------------------------------------------------------------------------- */

static void range(buf *b, double low, double high, int decimals)
{
    html_number(b, low, decimals);
    buf_puts(b, " to ");
    html_number(b, high, decimals);
}

static void badge(buf *b, const char *verdict)
{
    buf_printf(b, "<span class=\"badge %s\">%s</span>", verdict, verdict);
}

static void element(buf *b, const char *tag, const char *text)
{
    buf_printf(b, "<%s>", tag);
    html_text(b, text ? text : "");
    buf_printf(b, "</%s>", tag);
}

/* ---- head ------------------------------------------------------------------------------------ */

static void model_card(buf *b, const char *role, const persona_model_info *m)
{
    buf_printf(b, "<div class=\"card\"><p class=\"k\">%s</p><p class=\"v\">", role);
    html_text(b, m->name);
    buf_puts(b, "</p><p>");
    html_text(b, m->arch);
    buf_printf(b, " · %d blocks · %d wide · %.1f M weights · ", m->n_layer, m->n_embd,
               (double)m->n_params / 1e6);
    html_text(b, m->quant);
    buf_puts(b, "</p></div>");
}

static void head(buf *b, const report *r)
{
    buf_puts(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                "<meta name=\"generator\" content=\"persona ");
    html_text(b, persona_version());
    buf_puts(b, "\">\n<title>Persona transfer: ");
    html_text(b, r->from->name);
    buf_puts(b, " to ");
    html_text(b, r->to->name);
    buf_puts(b, "</title>\n<style>");
    for (size_t i = 0; i < sizeof report_css / sizeof *report_css; i++) {
        buf_puts(b, report_css[i]);
    }
    buf_puts(b,
             "</style></head><body>\n<header class=\"top\"><h1>Does a character trait survive the "
             "move to another "
             "model?</h1>\n<p class=\"lead\">Persona vectors were extracted from the first model, "
             "mapped into the activation space of the second, and added there while it "
             "answered. Every claim stands beside its controls.</p>\n<div class=\"pair\">");
    model_card(b, "Source: vectors are extracted here", r->from);
    buf_puts(b, "<div class=\"arrow\" aria-hidden=\"true\">→</div>");
    model_card(b, "Target: steered with what arrived", r->to);
    buf_puts(b, "</div></header>\n<main>\n");
}

/* ---- summary --------------------------------------------------------------------------------- */

static void interval_cell(buf *b, const persona_interval *x, double scale, const char *unit)
{
    buf_puts(b, "<td>");
    html_number(b, scale * x->value, 0);
    if (isfinite(x->value)) {
        buf_printf(b, "%s<small>", unit);
        range(b, scale * x->low, scale * x->high, 0);
        buf_puts(b, "</small>");
    }
    buf_puts(b, "</td>");
}

static const persona_interval *swing_of(const persona_evaluation *v, const char *condition)
{
    static const persona_interval none = {NAN, NAN, NAN};
    const persona_swing *s = persona_evaluation_swing(v, condition);
    return s ? &s->swing : &none;
}

static void summary_row(buf *b, const report_trait *t)
{
    const persona_evaluation *v = t->result ? t->result->evaluation : NULL;
    buf_printf(b, "<tr><th scope=\"row\"><a href=\"#trait-");
    html_text(b, t->pack->name);
    buf_puts(b, "\">");
    html_text(b, t->pack->name);
    buf_puts(b, "</a></th>");
    if (!v) {
        buf_puts(b, "<td colspan=\"6\">");
        html_text(b, t->failure ? t->failure : "not evaluated");
        buf_puts(b, "</td></tr>\n");
        return;
    }
    buf_puts(b, "<td>");
    badge(b, v->pass ? "PASS" : "FAIL");
    buf_puts(b, "</td>");
    static const char *const shown[] = {"transferred", "native", "shuffled", "random"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        interval_cell(b, swing_of(v, shown[i]), 1, "");
    }
    interval_cell(b, &v->retained, 100, " %");
    buf_puts(b, "</tr>\n");
}

static void summary(buf *b, const report *r)
{
    buf_puts(b, "<section aria-labelledby=\"sum\"><h2 id=\"sum\">What came out</h2>"
                "<h3>Swing of the trait score between coefficient −1 and +1, in points of 100</h3>"
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"sum\">"
                "<table><thead><tr><th scope=\"col\">Trait</th><th scope=\"col\">Verdict</th>"
                "<th scope=\"col\">Transferred</th><th scope=\"col\">Native</th>"
                "<th scope=\"col\">Shuffled</th><th scope=\"col\">Random</th>"
                "<th scope=\"col\">Retained at +1</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->n_chapters; i++) {
        summary_row(b, &r->chapters[i]);
    }
    buf_puts(b, "</tbody></table></div></section>\n");
}

/* ---- what moved what ------------------------------------------------------------------------- */

static const persona_cross *cross_of(const persona_evaluation *v, const char *trait)
{
    for (size_t i = 0; i < v->n_crosses; i++) {
        if (strcmp(v->crosses[i].trait, trait) == 0) {
            return &v->crosses[i];
        }
    }
    return NULL;
}

static const persona_evaluation *evaluation_of(const report *r, size_t i)
{
    const persona_study *x = r->chapters[i].result;
    return x && x->evaluation && x->evaluation->n_crosses > 0 ? x->evaluation : NULL;
}

static void matrix_row(buf *b, const report *r, size_t i)
{
    const persona_evaluation *v = evaluation_of(r, i);
    buf_puts(b, "<tr><th scope=\"row\">");
    html_text(b, v->trait);
    buf_puts(b, "</th>");
    for (size_t k = 0; k < r->n_chapters; k++) {
        const persona_cross *c = cross_of(v, r->chapters[k].pack->name);
        if (!evaluation_of(r, k)) {
            continue;
        }
        const double strength = c && isfinite(c->swing.value) ? fmin(fabs(c->swing.value), 100) : 0;
        buf_printf(b, "<td class=\"heat%s\" style=\"--h:%.0f%%\">", k == i ? " own" : "",
                   0.6 * strength);
        html_number(b, c ? c->swing.value : (double)NAN, 0);
        if (c && isfinite(c->swing.value)) {
            buf_puts(b, "<small>");
            range(b, c->swing.low, c->swing.high, 0);
            buf_puts(b, "</small>");
        }
        buf_puts(b, "</td>");
    }
    buf_puts(b, "</tr>\n");
}

/* Steer the trait of the row, score the trait of the column. */
static void matrix(buf *b, const report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_chapters; i++) {
        n += evaluation_of(r, i) != NULL;
    }
    if (n < 2) {
        return;
    }
    buf_puts(b,
             "<section aria-labelledby=\"moves\"><h2 id=\"moves\">What moves what</h2>"
             "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"moves\">"
             "<table><caption>Swing between −1 and +1 of the score of each column when the "
             "transferred vector of the row steers. A vector that is specific moves its own trait "
             "most.</caption><thead><tr><th scope=\"col\">Steered</th>");
    for (size_t i = 0; i < r->n_chapters; i++) {
        if (!evaluation_of(r, i)) {
            continue;
        }
        buf_puts(b, "<th scope=\"col\">");
        html_text(b, r->chapters[i].pack->name);
        buf_puts(b, "</th>");
    }
    buf_puts(b, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->n_chapters; i++) {
        if (evaluation_of(r, i)) {
            matrix_row(b, r, i);
        }
    }
    buf_puts(b, "</tbody></table></div></section>\n");
}

/* ---- one trait ------------------------------------------------------------------------------- */

static void fact(buf *b, const char *name, double value, int decimals, const char *unit,
                 const char *more)
{
    buf_printf(b, "<div><dt>%s</dt><dd>", name);
    html_number(b, value, decimals);
    buf_printf(b, "%s<small>%s</small></dd></div>", isfinite(value) ? unit : "", more);
}

static double spearman_of(const persona_evaluation *v)
{
    const persona_swing *s = persona_evaluation_swing(v, "transferred");
    return s ? s->spearman : (double)NAN;
}

static void facts(buf *b, const persona_study *x)
{
    char text[96];
    buf_puts(b, "<dl class=\"facts\">");
    snprintf(text, sizeof text, "of %d on the source", x->source->from.n_generated_pos);
    fact(b, "Pairs kept", (double)persona_study_kept(x), 0, "", text);
    snprintf(text, sizeof text, "of the target, from block %d of the source",
             persona_study_layer_from(x));
    fact(b, "Block steered", persona_study_layer_to(x), 0, "", text);
    snprintf(text, sizeof text, "times the vector%s",
             isfinite(x->transferred->from.dose) ? "" : ": not calibrated, raw units");
    fact(b, "One dose", (double)x->transferred->from.dose, 2, "", text);
    if (isfinite(x->map.r2_contrast)) {
        snprintf(text, sizeof text, "R² of held-out contrasts; %.2f shuffled; %s on %zu texts",
                 x->map.r2_shuffled, x->map.method, x->map.n_texts);
        fact(b, "Map", x->map.r2_contrast, 2, "", text);
    }
    if (isfinite(x->map.by_trait.contrasts)) {
        snprintf(text, sizeof text,
                 "R² of contrasts of traits it has not seen; %.2f without their questions, too",
                 x->map.by_both.contrasts);
        fact(b, "Map, new traits", x->map.by_trait.contrasts, 2, "", text);
    }
    if (x->evaluation) {
        fact(b, "Spearman", spearman_of(x->evaluation), 2, "", "of score and coefficient");
    }
    buf_puts(b, "</dl>\n");
}

static void plots(buf *b, const persona_study *x, const pivot *p)
{
    char id[96], title[160];
    buf_puts(b, "<h3>Dose and response</h3><figure class=\"plots\">");
    snprintf(id, sizeof id, "dose-%s", x->trait);
    snprintf(title, sizeof title, "Score of '%s' by steering coefficient", x->trait);
    svg_dose_response(b, p, id, title, false);
    buf_puts(b, "<figcaption>Trait score; 50 is no lean. Bars are 95 % intervals. A line that "
                "rises from left to right steers.</figcaption>");
    snprintf(id, sizeof id, "coherence-%s", x->trait);
    snprintf(title, sizeof title, "Coherence of the answers by steering coefficient");
    svg_dose_response(b, p, id, title, true);
    buf_puts(b, "<figcaption>Coherence of the same answers: what steering costs. A score at low "
                "coherence says little.</figcaption></figure>\n");
}

static const persona_study_sample *find_sample(const persona_study *x, const char *condition,
                                               double c)
{
    for (size_t i = 0; i < x->n_samples; i++) {
        if (strcmp(x->samples[i].condition, condition) == 0 &&
            fabs(x->samples[i].coefficient - c) < 0.5) {
            return &x->samples[i];
        }
    }
    return NULL;
}

static void sample(buf *b, const persona_study *x, const char *condition, double c)
{
    const persona_study_sample *s = find_sample(x, condition, c);
    buf_printf(b, "<blockquote class=\"%s\"><cite>", condition);
    buf_puts(b, condition);
    if (c < 0 || c > 0) {
        buf_puts(b, ", ");
        html_signed(b, c);
    }
    buf_puts(b, "</cite>");
    html_text(b, !s ? "not run" : s->text && *s->text ? s->text : "(no answer)");
    buf_puts(b, "</blockquote>");
}

static void samples(buf *b, const persona_study *x)
{
    const bool native = persona_study_vector(x, "native") != NULL;
    if (x->n_samples == 0) {
        return;
    }
    /* Three columns: against, none, towards; the unsteered answer stands beside both rows. */
    buf_puts(b, "<h3>In words</h3><p class=\"ask\">Asked: <q>");
    html_text(b, x->question);
    buf_puts(b, "</q></p>");
    buf_printf(b, "<div class=\"samples%s\">", native ? " two" : "");
    sample(b, x, "transferred", -1);
    sample(b, x, "unsteered", 0);
    sample(b, x, "transferred", 1);
    if (native) {
        sample(b, x, "native", -1);
        sample(b, x, "native", 1);
    }
    buf_puts(b, "</div>\n");
}

static void layer_figure(buf *b, const persona_study *x, const persona_vector *v,
                         const char *id_part, const char *name, const char *text)
{
    char id[96], title[160];
    if (!v) {
        return;
    }
    snprintf(id, sizeof id, "layers-%s-%s", id_part, x->trait);
    snprintf(title, sizeof title, "%s: vector of '%s' by block", name, x->trait);
    buf_puts(b, "<figure>");
    svg_layers(b, v, id, title);
    buf_printf(b, "<figcaption><strong>%s</strong>%s</figcaption></figure>", name, text);
}

static void layers(buf *b, const persona_study *x)
{
    buf_puts(b, "<h3>The vector, block by block</h3><div class=\"plots three\">");
    layer_figure(b, x, x->source, "source", "Source",
                 "Length over that of the residual stream; below the block its AUROC on answers "
                 "that were held out.");
    layer_figure(b, x, persona_study_vector(x, "native"), "native", "Native on the target",
                 "Extracted from the target itself: what transfer is measured against.");
    layer_figure(b, x, x->transferred, "transferred", "Transferred",
                 "What the map made of the source's vector. The block that is steered stands "
                 "out.");
    buf_puts(b, "</div>\n");
}

static void table_cell(buf *b, const persona_row *r)
{
    if (!r) {
        buf_puts(b, "<td></td>");
        return;
    }
    buf_puts(b, "<td>");
    html_number(b, r->score.value, 0);
    buf_puts(b, "<small>");
    range(b, r->score.low, r->score.high, 0);
    buf_puts(b, "</small><small>coherence ");
    html_number(b, r->coherence, 0);
    buf_puts(b, "</small><small>");
    html_number(b, r->tokens, 0);
    buf_puts(b, " ± ");
    html_number(b, r->tokens_sd, 0);
    buf_puts(b, " tokens, ");
    html_number(b, 100 * r->cut, 0);
    buf_puts(b, " % cut</small>");
    if (r->n_unanswered > 0) {
        buf_printf(b, "<small>%zu unanswered</small>", r->n_unanswered);
    }
    if (r->n_unjudged > 0) {
        buf_printf(b, "<small>%zu not judged</small>", r->n_unjudged);
    }
    buf_puts(b, "</td>");
}

static void table(buf *b, const persona_study *x, const pivot *p)
{
    buf_puts(b, "<h3>Every number</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                "aria-label=\"Scores of ");
    html_text(b, x->trait);
    buf_puts(b, "\"><table><caption>Score, its 95 % interval, coherence, and length of the "
                "answers by condition and coefficient, with the share of replies that ran into "
                "the length limit; n answers in each cell.</caption><thead><tr>"
                "<th scope=\"col\">Condition</th>");
    for (size_t k = 0; k < p->n_coefficients; k++) {
        buf_puts(b, "<th scope=\"col\">");
        html_signed(b, p->coefficients[k]);
        buf_puts(b, "</th>");
    }
    buf_puts(b, "<th scope=\"col\">n</th></tr></thead><tbody>\n");
    for (size_t c = 0; c < p->n_conditions; c++) {
        buf_printf(b, "<tr class=\"%s\"><th scope=\"row\">%s</th>", p->conditions[c],
                   p->conditions[c]);
        for (size_t k = 0; k < p->n_coefficients; k++) {
            table_cell(b, p->at[c][k]);
        }
        buf_printf(b, "<td>%zu</td></tr>\n", pivot_answers(p, c));
    }
    buf_puts(b, "</tbody></table></div>\n");
}

static void forest(buf *b, const persona_study *x)
{
    const persona_evaluation *v = x->evaluation;
    svg_interval rows[16];
    size_t n = 0;
    for (size_t i = 0; condition_at(i) && n < sizeof rows / sizeof *rows; i++) {
        const char *name = condition_at(i)->name;
        const persona_swing *swing = persona_evaluation_swing(v, name);
        if (swing && isfinite(swing->swing.value) && !condition_at(i)->only_ones) {
            rows[n++] = (svg_interval){name, name, swing->swing};
        }
    }
    char id[96];
    snprintf(id, sizeof id, "swing-%s", x->trait);
    buf_puts(b, "<h3>Swing from −1 to +1, in points</h3><figure class=\"plots\">");
    svg_forest(b, rows, n, id, "Swing by condition");
    if (x->n_repeats > 0) {
        buf_printf(b,
                   "<figcaption>Bars are 95 %% intervals over questions and %zu repeats, each with "
                   "other texts behind the map, its own block, dose and draws.</figcaption>",
                   x->n_repeats);
    } else {
        buf_puts(b, "<figcaption>Bars are 95 % intervals over questions, given this vector: one "
                    "seed, one choice of texts and block.</figcaption>");
    }
    buf_puts(b, "</figure>\n");
}

static void chapter(buf *b, const report_trait *t)
{
    const persona_study *x = t->result;
    buf_puts(b, "<section class=\"trait\" id=\"trait-");
    html_text(b, t->pack->name);
    buf_puts(b, "\"><div class=\"title\">");
    element(b, "h2", t->pack->name);
    if (x && x->evaluation) {
        badge(b, persona_study_verdict(x));
    }
    buf_puts(b, "</div><p class=\"why\">");
    html_text(b, t->pack->description);
    buf_puts(b, "</p>");
    if (!x) {
        buf_puts(b, "<p class=\"note\">");
        html_text(b, t->failure ? t->failure : "not studied");
        buf_puts(b, "</p></section>\n");
        return;
    }
    if (x->evaluation) {
        buf_printf(b, "<p class=\"why\"><strong>%s:</strong> ", persona_study_verdict(x));
        html_text(b, x->evaluation->reason);
        buf_puts(b, "</p>");
    }
    if (x->note[0]) {
        buf_puts(b, "<p class=\"note\">");
        html_text(b, x->note);
        buf_puts(b, "</p>");
    }
    facts(b, x);
    pivot p = {.n_conditions = 0};
    if (x->evaluation) {
        pivot_make(&p, x->evaluation);
        plots(b, x, &p);
        forest(b, x);
    }
    samples(b, x);
    layers(b, x);
    if (x->evaluation) {
        table(b, x, &p);
        report_arms(b, x);
        report_witness(b, x);
    }
    buf_puts(b, "</section>\n");
}

/* ---- how to read, provenance ----------------------------------------------------------------- */

static const char *const reading[][2] = {
    {"Coefficient",
     "1 is one calibrated dose: the multiple of the vector at which the model's next "
     "token changes by 1 nat at the 95th percentile (Kullback-Leibler). The same "
     "coefficient therefore disturbs the model equally in every row."},
    {"Score and coherence", "0 to 100, by the judge named below. A score of 50 is no lean; "
                            "coherence is how much an answer reads like the texts that the model "
                            "was made from. An answer that never came counts as score 50, "
                            "coherence 0."},
    {"Intervals", "95 %, by bootstrap: whole questions are drawn again with replacement, 2000 "
                  "times, because answers to one question resemble each other."},
    {"native", "The vector extracted from the target itself: what transfer is measured against."},
    {"prompt", "No steering; the trait pack's instructions in the system message instead."},
    {"sampling", "No steering; temperature, top_p and repetition penalty move with the "
                 "coefficient. This is what the project that inspired this one called steering."},
    {"shuffled",
     "The same map, learnt from texts whose pairing was destroyed. It gets its own best "
     "block and its own dose. If it steered, the map would be no evidence."},
    {"random",
     "Directions of the target drawn at random, with the transferred vector's length. They "
     "show how far the score moves without any meaning in the direction."},
    {"random-source",
     "Directions of the source drawn at random, through the true map: what the map "
     "makes of anything."},
    {"lexical", "How often words occur in the texts, in place of the source's activations, through "
                "a map of its own. If this steered as well, the source model would add nothing."},
    {"text-bridge",
     "The target's own mean difference on the texts that the source wrote: no map is involved. An "
     "upper mark for any map."},
    {"in-sample", "A map that was also fitted on the trait's own texts. It may do no more than the "
                  "text bridge does, "
                  "and says nothing about transfer."},
    {"other-trait",
     "Another trait's vector through the same map: what is not specific to the trait."},
    {"identity", "The source's numbers as they stand, cut or padded to the target's width. It must "
                 "do nothing."},
    {"Retained", "How much of the native vector's effect at +1 the transferred one has."},
    {"PASS",
     "The transferred swing is no draw of random, random-source and shuffled (one-sided p at most "
     "0.05 for each), it is larger than that of lexical and identity on the same questions, the "
     "score rises with the coefficient (Spearman at least 0.8), answers keep half of their "
     "coherence, few are missing, the judge's scores agree with labels it had not seen, and the "
     "map was fitted without the texts that show the trait. Anything else is FAIL."},
    {"Leave one trait out",
     "The map that carries a trait has seen no text that was written for the trait, nor any that a "
     "judge sees it in: it is learnt from neutral texts and from the other traits."},
};

static void how_to_read(buf *b)
{
    buf_puts(b, "<section aria-labelledby=\"how\"><h2 id=\"how\">How to read this</h2>"
                "<dl class=\"how\">");
    for (size_t i = 0; i < sizeof reading / sizeof *reading; i++) {
        element(b, "dt", reading[i][0]);
        element(b, "dd", reading[i][1]);
    }
    buf_puts(b, "</dl></section>\n</main>\n");
}

static void origin_row(buf *b, const char *name, const char *value, const char *code)
{
    buf_printf(b, "<tr><th scope=\"row\">%s</th><td>", name);
    html_text(b, value ? value : "");
    if (code) {
        buf_puts(b, "<br>");
        element(b, "code", code);
    }
    buf_puts(b, "</td></tr>");
}

static void origin(buf *b, const report *r)
{
    char text[128];
    buf_puts(b, "<footer><table>");
    origin_row(b, "Source", r->from->path, r->from_hash);
    origin_row(b, "Target", r->to->path, r->to_hash);
    origin_row(b, "Judge", r->judge, NULL);
    origin_row(b, "Questions", r->questions ? r->questions : "the trait packs' own", NULL);
    snprintf(text, sizeof text, "persona %s, %s", persona_version(), persona_engine_version());
    origin_row(b, "Made by", text, NULL);
    snprintf(text, sizeof text, "%u; took %.0f s", r->seed, r->seconds);
    origin_row(b, "Seed", text, NULL);
    buf_puts(b, "</table></footer>\n</body></html>\n");
}

persona_code report_write(const report *r, const char *path, persona_err *e)
{
    buf b;
    buf_init(&b, PAGE_MAX);
    head(&b, r);
    summary(&b, r);
    matrix(&b, r);
    for (size_t i = 0; i < r->n_chapters; i++) {
        chapter(&b, &r->chapters[i]);
    }
    how_to_read(&b);
    origin(&b, r);
    persona_code rc = PERSONA_OK;
    TRY(buf_ok(&b, "the report", e));
    TRY(file_write(path, b.p, b.len, e));
out:
    buf_free(&b);
    return rc;
}
