/* SPDX-License-Identifier: MIT
 *
 * tables.c - all tables of routes, in the order in which they are described.
 */
#include "server/routes/routes.h"

#define X(name) routes_##name,
const route *const ROUTE_TABLES[] = {ROUTES_DECLARED(X) NULL};
#undef X
