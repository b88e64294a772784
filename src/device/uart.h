/* device/uart.h - a 16550A serial port, over the machine's console. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_UART_H
#define DEVICE_UART_H

#include "memory/bus.h"
#include "vm/console.h"

/* Takes over the console's input (console_connect) when LISTEN. */
int uart_create(struct device **out, struct console *, const struct irq *, bool listen,
                struct err *err);

/* A break arrives, and a byte after it. -ENOTCONN: nobody ever listened (receive interrupts);
 * -EAGAIN: not now. Any thread. */
int uart_break(struct device *, u8 then);

#endif
