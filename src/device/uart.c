/* device/uart.c - a 16550A (National Semiconductor PC16550D data sheet), registers a byte apart.
 *
 * Transmission is instant: the holding register is always empty. The receive FIFO is filled
 * from the console; what does not fit waits there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/uart.h"

#include "base/alloc.h"
#include "device/fdt.h"

enum { RHR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR };
enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4 };
enum { IIR_NONE = 1, IIR_TX = 2, IIR_RX = 4, IIR_TIMEOUT = 0xc, IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2 };
enum { LCR_DLAB = 0x80, MCR_LOOP = 0x10 };
enum {
    LSR_DATA       = 1,
    LSR_OVERRUN    = 2,
    LSR_BREAK      = 0x10,
    LSR_TX_EMPTY   = 0x60,
    LSR_FIFO_ERROR = 0x80
};
enum { FIFO = 16 };

struct uart {
    struct device   dev;
    struct console *console;
    u8              ier, fcr, lcr, mcr, scr, dll, dlm;
    u8              fifo[FIFO], head, count;
    u16             breaks; /* a bit a place of the FIFO: what is there came with a break */
    u8              overrun;
    u8              listened; /* receive interrupts were on at some time */
    u8              tx_due;   /* an "empty" interrupt that was not yet read from IIR */
    u8              blocked;  /* the console has more than we had room for */
};

static struct uart *to_uart(struct device *dev)
{
    return container_of(dev, struct uart, dev);
}

/* Errors are told of the byte at the front (PC16550D, 8.6.3). */
static bool break_in_front(const struct uart *u)
{
    return u->count && u->breaks >> u->head & 1;
}

static u8 interrupt_id(const struct uart *u)
{
    if ((u->ier & IER_LINE) && (u->overrun || break_in_front(u)))
        return 6;
    if ((u->ier & IER_RX) && u->count)
        return IIR_RX;
    if ((u->ier & IER_TX) && u->tx_due)
        return IIR_TX;
    return IIR_NONE;
}

static void update(struct uart *u)
{
    irq_set(&u->dev.irq, interrupt_id(u) != IIR_NONE);
}

static void push(struct uart *u, u8 byte)
{
    if (u->count == FIFO)
        u->overrun = 1;
    else
        u->fifo[(u->head + u->count++) % FIFO] = byte;
}

/* The console has been told that there is no room: now there is. */
static void room_again(struct uart *u)
{
    if (u->count == 0 && u->blocked) {
        u->blocked = 0;
        console_ready(u->console);
    }
}

static void clear_fifo(struct uart *u)
{
    u->count  = 0;
    u->breaks = 0;
    room_again(u);
}

static u8 pop(struct uart *u)
{
    u8 byte = 0;
    if (u->count) {
        byte = u->fifo[u->head];
        u->breaks &= (u16) ~(1u << u->head);
        u->head = (u8)((u->head + 1) % FIFO);
        u->count--;
    }
    room_again(u);
    return byte;
}

/* Reading it clears the errors it tells. */
static u8 line_status(struct uart *u)
{
    u8 status = LSR_TX_EMPTY | (u->count ? LSR_DATA : 0) | (u->overrun ? LSR_OVERRUN : 0);
    if (u->breaks && (u->fcr & FCR_ENABLE))
        status |= LSR_FIFO_ERROR;
    if (break_in_front(u)) {
        status |= LSR_BREAK;
        u->breaks &= (u16) ~(1u << u->head);
    }
    u->overrun = 0;
    return status;
}

static u8 read_register(struct uart *u, u64 reg)
{
    switch (reg) {
    case RHR_THR_DLL:
        return u->lcr & LCR_DLAB ? u->dll : pop(u);
    case IER_DLM:
        return u->lcr & LCR_DLAB ? u->dlm : u->ier;
    case IIR_FCR: {
        u8 id = interrupt_id(u);
        if (id == IIR_TX)
            u->tx_due = 0;
        return id | (u->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
    }
    case LCR:
        return u->lcr;
    case MCR:
        return u->mcr;
    case LSR:
        return line_status(u);
    case MSR: /* a modem that is there; in loop mode our own outputs */
        return u->mcr & MCR_LOOP ? (u8)((u->mcr & 2) << 3 | (u->mcr & 1) << 5 | (u->mcr & 0xc) << 4)
                                 : 0xb0;
    default:
        return u->scr;
    }
}

static void transmit(struct uart *u, u8 byte)
{
    if (u->mcr & MCR_LOOP)
        push(u, byte);
    else
        console_write(u->console, &byte, 1);
    u->tx_due = 1;
}

static void write_register(struct uart *u, u64 reg, u8 val)
{
    switch (reg) {
    case RHR_THR_DLL:
        if (u->lcr & LCR_DLAB)
            u->dll = val;
        else
            transmit(u, val);
        break;
    case IER_DLM:
        if (u->lcr & LCR_DLAB) {
            u->dlm = val;
        } else {
            if (val & ~u->ier & IER_TX)
                u->tx_due = 1;
            u->ier = val & 0xf;
            u->listened |= val & IER_RX;
        }
        break;
    case IIR_FCR:
        u->fcr = val & 0xc9;
        if (val & FCR_CLEAR_RX)
            clear_fifo(u);
        break;
    case LCR:
        u->lcr = val;
        break;
    case MCR:
        u->mcr = val & 0x1f;
        break;
    case SCR:
        u->scr = val;
        break;
    }
}

static u64 uart_read(struct device *dev, u64 off, unsigned width)
{
    struct uart *u = to_uart(dev);
    (void)width;
    if (off > SCR)
        return 0;
    u8 val = read_register(u, off);
    update(u);
    return val;
}

static void uart_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct uart *u = to_uart(dev);
    (void)width;
    if (off > SCR)
        return;
    write_register(u, off, (u8)val);
    update(u);
}

static void uart_reset(struct device *dev)
{
    struct uart *u = to_uart(dev);
    u->ier = u->fcr = u->lcr = u->mcr = u->scr = u->dll = u->dlm = 0;
    u->overrun = u->tx_due = u->listened = 0;
    clear_fifo(u);
    update(u);
}

static void uart_destroy(struct device *dev)
{
    device_done(dev);
    free(to_uart(dev));
}

static int uart_describe(const struct device *dev, struct fdt *fdt)
{
    fdt_begin(fdt, "serial@%llx", (unsigned long long)dev->base);
    fdt_str(fdt, "compatible", "ns16550a");
    fdt_reg(fdt, dev->base, dev->len);
    fdt_u32(fdt, "clock-frequency", 3686400);
    fdt_irq(fdt, dev->irq.line);
    fdt_end(fdt);
    return 0;
}

static size_t uart_input(void *ctx, const u8 *data, size_t len)
{
    struct uart *u = ctx;
    size_t       n = 0;
    device_lock(&u->dev);
    while (n < len && u->count < FIFO)
        push(u, data[n++]);
    if (n < len)
        u->blocked = 1;
    update(u);
    device_unlock(&u->dev);
    return n;
}

int uart_break(struct device *dev, u8 then)
{
    struct uart *u  = to_uart(dev);
    int          rc = 0;
    device_lock(dev);
    if (!u->listened) {
        rc = -ENOTCONN;
    } else if (!(u->ier & IER_RX) || u->count > FIFO - 2) {
        rc = -EAGAIN; /* Linux turns interrupts off while it prints */
    } else {
        u->breaks |= (u16)(1u << (u->head + u->count) % FIFO);
        push(u, 0);
        push(u, then);
    }
    update(u);
    device_unlock(dev);
    return rc;
}

#define F(m) FIELD(struct uart, m)
static const struct field uart_fields[] = {
    F(ier),  F(fcr),   F(lcr),     F(mcr),    F(scr),    F(dll),      F(dlm),    F(fifo),
    F(head), F(count), F(overrun), F(tx_due), F(breaks), F(listened), FIELDS_END};
#undef F

static int uart_load(struct device *dev, struct snap *snap, struct err *err)
{
    struct uart *u = to_uart(dev);
    (void)snap;
    if (u->head >= FIFO || u->count > FIFO)
        return err_set(err, EINVAL, "the snapshot's serial port is not of this shape");
    update(u);
    return 0;
}

static const struct device_ops uart_ops = {
    .name      = "uart",
    .width_min = 1,
    .width_max = 1,
    .read      = uart_read,
    .write     = uart_write,
    .reset     = uart_reset,
    .destroy   = uart_destroy,
    .describe  = uart_describe,
    .fields    = uart_fields,
    .load      = uart_load,
};

int uart_create(struct device **out, struct console *console, const struct irq *irq, bool listen,
                struct err *err)
{
    struct uart *u = xnew(struct uart);
    (void)err;
    device_init(&u->dev, &uart_ops);
    u->dev.irq = *irq;
    u->console = console;
    if (listen)
        console_connect(console, &(struct console_port){.input = uart_input, .ctx = u});
    *out = &u->dev;
    return 0;
}
