/* java/class_reader.h - what the files that read a class file share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_CLASS_READER_H
#define JAVA_CLASS_READER_H

#include "java/class.h"

struct reader {
    struct class *cls;
    const u8     *start, *p, *end, *interfaces;
    const char   *label, *error; /* whose file; the exception to throw */
    u16           super_at, nbootstraps;
    char          bad[400]; /* empty: all is well */
};

u8   rd_u1(struct reader *);
u16  rd_u2(struct reader *);
u32  rd_u4(struct reader *);
void rd_skip(struct reader *, u32 n);
void rd_bad(struct reader *, const char *fmt, ...) PRINTF(2, 3);
bool rd_is(const struct reader *, u16 cp, u8 tag);

/* class_names.c */
void rd_check_class_name(struct reader *, const struct symbol *);
void rd_check_member_name(struct reader *, const struct symbol *, const char *what, bool method);
void rd_check_field_desc(struct reader *, const struct symbol *name, const struct symbol *desc);
void rd_check_method_desc(struct reader *, const struct symbol *name, const struct symbol *desc);
void rd_check_class_flags(struct reader *);
void rd_check_field_flags(struct reader *, u16 flags);
void rd_check_method_flags(struct reader *, u16 flags, const struct symbol *name);

/* class_members.c */
void rd_fields(struct reader *);
void rd_methods(struct reader *);
void rd_class_attributes(struct reader *);

#endif
