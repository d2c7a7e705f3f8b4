/* SPDX-License-Identifier: MIT
 *
 * routes.h - the tables of routes, one for each file of this folder.
 */
#ifndef PERSONA_SERVER_ROUTES_H
#define PERSONA_SERVER_ROUTES_H

#include "server/api/route.h"
#include "server/serve/server.h"

#define ROUTES_DECLARED(X)                                                                         \
    X(openai_models)                                                                               \
    X(openai_chat)                                                                                 \
    X(openai_completions)                                                                          \
    X(openai_responses)                                                                            \
    X(requests)                                                                                    \
    X(watch)                                                                                       \
    X(native_models)                                                                               \
    X(native_steering)                                                                             \
    X(native_verify)                                                                               \
    X(native_vectors)                                                                              \
    X(native_vector_sums)                                                                          \
    X(native_vector_files)                                                                         \
    X(native_recipes)                                                                              \
    X(native_traits)                                                                               \
    X(native_trash)                                                                                \
    X(original_models)                                                                             \
    X(original_library)                                                                            \
    X(ollama_models)                                                                               \
    X(ollama_text)                                                                                 \
    X(llama_server)                                                                                \
    X(control_vectors)                                                                             \
    X(jobs)                                                                                        \
    X(runs)                                                                                        \
    X(talks)                                                                                       \
    X(activations)                                                                                 \
    X(score)                                                                                       \
    X(jobs_answers)                                                                                \
    X(jobs_estimate)                                                                               \
    X(original_generate)                                                                           \
    X(original_test)                                                                               \
    X(original_custom)                                                                             \
    X(metrics)                                                                                     \
    X(page)                                                                                        \
    X(health)

#define X(name) extern const route routes_##name[];
ROUTES_DECLARED(X)
#undef X

#endif
