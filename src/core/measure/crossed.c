/* SPDX-License-Identifier: MIT
 *
 * crossed.c - the mean of a table of repeats by questions, and how far it can be trusted.
 *
 * Every repeat asks the same questions, so a value is a mean plus an effect of its question, one of
 * its repeat (other texts behind the map, another block, another dose, other draws) and the rest.
 * Questions and repeats are both samples of what might have been: the variance of the mean is
 *
 *   (MS_question + MS_repeat - MS_rest) / (n_questions n_repeats)
 *
 * with Satterthwaite's degrees of freedom (random effects, two-way crossed; Satterthwaite 1946;
 * Clark 1973 for why treating one side as fixed claims too much). Few repeats that disagree make it
 * wide, as they should. Of two, Satterthwaite's approximation is too bold (89 % of 95 % intervals
 * hold the truth where repeats differ most); of three or more at least 93 % do (test_crossed).
 */
#include <math.h>

#include "core/measure/stats.h"

#define ROOT_STEPS 60
#define RATIO_STEPS 60
#define RATIO_MOST 1e3

double stat_t_quantile(double p, double df)
{
    double low = 0, high = 1;
    if (!(p > 0.5 && p < 1) || !(df > 0)) {
        return (double)NAN;
    }
    while (stat_t_above(high, df) > 1 - p && high < 1e12) {
        high *= 2;
    }
    for (int i = 0; i < ROOT_STEPS && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (stat_t_above(middle, df) > 1 - p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

/* Value of repeat r and question q; NAN where the question misses in any repeat. */
typedef struct table {
    const double *y, *less; /* y - times * less; less may be NULL */
    double times;
    size_t n_repeats, n_questions;
} table;

static double at(const table *t, size_t r, size_t q)
{
    const size_t i = r * t->n_questions + q;
    return t->less ? t->y[i] - t->times * t->less[i] : t->y[i];
}

static bool whole(const table *t, size_t q)
{
    for (size_t r = 0; r < t->n_repeats; r++) {
        if (isnan(at(t, r, q))) {
            return false;
        }
    }
    return true;
}

/* Mean over the other side; NAN for a question that is not whole. */
static double question_mean(const table *t, size_t q)
{
    double sum = 0;
    for (size_t r = 0; r < t->n_repeats; r++) {
        sum += at(t, r, q);
    }
    return sum / (double)t->n_repeats;
}

static double repeat_mean(const table *t, size_t r)
{
    double sum = 0;
    size_t n = 0;
    for (size_t q = 0; q < t->n_questions; q++) {
        if (whole(t, q)) {
            sum += at(t, r, q);
            n++;
        }
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

/* Sums of squares around the mean. */
typedef struct squares {
    double mean, question, repeat, rest;
    size_t n_questions;
} squares;

static squares take(const table *t)
{
    squares s = {.mean = 0};
    for (size_t q = 0; q < t->n_questions; q++) {
        if (whole(t, q)) {
            s.mean += question_mean(t, q);
            s.n_questions++;
        }
    }
    s.mean /= (double)s.n_questions;
    for (size_t q = 0; q < t->n_questions; q++) {
        const double mq = whole(t, q) ? question_mean(t, q) : s.mean;
        s.question += (mq - s.mean) * (mq - s.mean) * (double)t->n_repeats;
    }
    for (size_t r = 0; r < t->n_repeats; r++) {
        const double mr = repeat_mean(t, r);
        s.repeat += (mr - s.mean) * (mr - s.mean) * (double)s.n_questions;
        for (size_t q = 0; q < t->n_questions; q++) {
            if (whole(t, q)) {
                const double rest = at(t, r, q) - question_mean(t, q) - mr + s.mean;
                s.rest += rest * rest;
            }
        }
    }
    return s;
}

static stat_crossed measure(const table *t)
{
    const squares s = take(t);
    const double dfq = (double)s.n_questions - 1, dfr = (double)t->n_repeats - 1;
    stat_crossed out = {.mean = s.mean, .se = (double)NAN, .df = (double)NAN};
    if (s.n_questions < 2 || t->n_repeats < 2) {
        return out;
    }
    const double q = s.question / dfq, r = s.repeat / dfr, rest = s.rest / (dfq * dfr);
    const double sum = q + r - rest;
    double v = sum;
    out.df = sum * sum / (q * q / dfq + r * r / dfr + rest * rest / (dfq * dfr));
    if (!(sum > fmax(q, r))) { /* a component that came out negative is none */
        v = fmax(q, r);
        out.df = q > r ? dfq : dfr;
    }
    out.se = sqrt(v / ((double)s.n_questions * (double)t->n_repeats));
    return out;
}

stat_crossed stat_crossed_mean(const double *y, size_t n_repeats, size_t n_questions)
{
    return measure(&(table){.y = y, .n_repeats = n_repeats, .n_questions = n_questions});
}

persona_interval stat_crossed_interval(stat_crossed x)
{
    const double half = x.se > 0 ? stat_t_quantile(0.975, x.df) * x.se : x.se;
    return (persona_interval){x.mean, x.mean - half, x.mean + half};
}

/* Whether `ratio` is one that the table does not contradict. */
static bool possible(table *t, double ratio)
{
    t->times = ratio;
    const persona_interval i = stat_crossed_interval(measure(t));
    return i.low <= 0 && i.high >= 0;
}

/* The last possible ratio from `from` in a direction, where the one at RATIO_MOST is not. */
static double edge(table *t, double from, double direction)
{
    double in = 0, out = direction * RATIO_MOST;
    if (possible(t, from + out)) {
        return (double)NAN;
    }
    for (int i = 0; i < RATIO_STEPS; i++) {
        const double middle = (in + out) / 2;
        if (possible(t, from + middle)) {
            in = middle;
        } else {
            out = middle;
        }
    }
    return from + in;
}

persona_interval stat_crossed_ratio(const double *top, const double *bottom, size_t n_repeats,
                                    size_t n_questions)
{
    const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};
    const stat_crossed below = stat_crossed_mean(bottom, n_repeats, n_questions);
    const persona_interval b = stat_crossed_interval(below);
    table t = {.y = top, .less = bottom, .n_repeats = n_repeats, .n_questions = n_questions};
    if (isnan(below.se) || (b.low <= 0 && b.high >= 0)) {
        return none;
    }
    const double value = measure(&t).mean / below.mean;
    const double low = edge(&t, value, -1), high = edge(&t, value, 1);
    return isnan(low) || isnan(high) ? none : (persona_interval){value, low, high};
}
