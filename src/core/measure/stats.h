/* SPDX-License-Identifier: MIT
 *
 * stats.h - the statistics that every claim of effect goes through.
 */
#ifndef PERSONA_CORE_STATS_H
#define PERSONA_CORE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persona/error.h"
#include "persona/interval.h"

/* log(sum(exp(x))) without overflow; n > 0. */
double stat_log_sum(const float *x, size_t n);
double stat_mean(const double *x, size_t n);               /* NAN for n == 0 */
double stat_sd(const double *x, size_t n);                 /* n-1; NAN for n < 2 */
double stat_median(const double *x, size_t n);             /* copies; NAN for n == 0 or no memory */
double stat_quantile(const double *x, size_t n, double q); /* linear interpolation (type 7) */
/* Area under the ROC curve: P(pos > neg) + P(pos == neg)/2. */
double stat_auroc(const double *pos, size_t n_pos, const double *neg, size_t n_neg);
double stat_cohen_d(const double *pos, size_t n_pos, const double *neg, size_t n_neg);
/* Spearman's rho with mid-ranks; NAN for n < 3 or a constant side. */
double stat_spearman(const double *x, const double *y, size_t n);
/* Median over groups of the rho within each, of groups that have at least 4 members and a rho;
 * *n_used: how many. group[i] in 0..n_groups-1. NAN: none, or no memory. */
double stat_spearman_within(const double *x, const double *y, const size_t *group, size_t n,
                            size_t n_groups, size_t *n_used);

/* Values of answers; group[i], the question of value i, in 0..n_groups-1. */
typedef struct stat_sample {
    const double *x;
    const size_t *group;
    size_t n;
} stat_sample;
/* How groups are resampled. */
typedef struct stat_draws {
    size_t n, n_groups;
    uint32_t seed;
} stat_draws;

/* Cluster bootstrap of the mean: whole groups (questions) are resampled with replacement. With one
 * group the interval is the value itself. */
PERSONA_CHECK persona_code stat_bootstrap_mean(stat_sample sample, stat_draws draws,
                                               persona_interval *out, persona_err *e);
/* Retained fraction (T - base)/(N - base) of three conditions asked the same questions; groups are
 * resampled jointly. value, low and high are NAN when |N - base| < min_effect in the sample; draws
 * in which N equals base are left out. */
PERSONA_CHECK persona_code stat_bootstrap_retained(stat_sample transferred, stat_sample native,
                                                   stat_sample base, double min_effect,
                                                   stat_draws draws, persona_interval *out,
                                                   persona_err *e);
/* How much larger one swing (high less low) is than another, over the same groups, joint
 * resampling. */
PERSONA_CHECK persona_code stat_bootstrap_swings(const stat_sample mine[2],
                                                 const stat_sample theirs[2], stat_draws draws,
                                                 persona_interval *out, persona_err *e);
/* P(T >= t) of Student's t with df > 0 degrees of freedom; NAN for NAN. */
double stat_t_above(double t, double df);
/* t with P(T <= t) = p, 0.5 < p < 1. */
double stat_t_quantile(double p, double df);

/* The mean of a table (n_repeats, n_questions) in which both are random: its standard error and
 * degrees of freedom (crossed.c). NAN values: that question is left out of all repeats. se and df
 * are NAN below two repeats or two questions. */
typedef struct stat_crossed {
    double mean, se, df;
} stat_crossed;
stat_crossed stat_crossed_mean(const double *y, size_t n_repeats, size_t n_questions);
/* 95 %, by Student's t. */
persona_interval stat_crossed_interval(stat_crossed x);
/* Ratio of two means of such tables, by Fieller's theorem: the ratios c for which top - c * bottom
 * may be 0. NAN: the bottom may be 0 itself. */
persona_interval stat_crossed_ratio(const double *top, const double *bottom, size_t n_repeats,
                                    size_t n_questions);
/* Difference of two means over the same groups (high minus low), joint resampling. */
PERSONA_CHECK persona_code stat_bootstrap_diff(stat_sample high, stat_sample low, stat_draws draws,
                                               persona_interval *out, persona_err *e);
#endif
