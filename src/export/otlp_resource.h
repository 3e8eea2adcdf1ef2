/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_EXPORT_OTLP_RESOURCE_H
#define LARDER_EXPORT_OTLP_RESOURCE_H

#include "export/otlp.h"
#include "export/protobuf.h"

/* What both bodies have in common. */

/* KeyValue, with a text. */
void otlp_put_text_attribute(struct protobuf *p, unsigned field, struct slice key, struct slice value);

/* The message Resource in field 1. */
void otlp_put_resource(struct protobuf *p, const struct otlp_resource *resource);

/* The message InstrumentationScope in field 1. */
void otlp_put_scope(struct protobuf *p);

#endif
