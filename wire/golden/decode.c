/*
 * Prints a file of Corelane frames as a JSON array: the test of corelane.h, and an
 * example of how to read frames in C.
 *
 * Generated; do not edit. Regenerate with:
 *   cargo run -p corelane-wire --example wire-bindings
 */
#include "corelane.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes up to the first zero as a JSON string. */
static void print_text(const uint8_t *bytes, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size && bytes[i] != 0; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            putchar('\\');
        }
        if (bytes[i] < ' ') {
            printf("\\u%04x", bytes[i]);
        } else {
            putchar(bytes[i]);
        }
    }
    putchar('"');
}

/* Rows of signed 64-bit integers. */
static void print_rows(const uint8_t *bytes, size_t rows, size_t columns)
{
    putchar('[');
    for (size_t row = 0; row < rows; row++) {
        printf(row == 0 ? "[" : ",[");
        for (size_t column = 0; column < columns; column++) {
            int64_t value;
            memcpy(&value, bytes + (row * columns + column) * sizeof value, sizeof value);
            printf(column == 0 ? "%" PRId64 : ",%" PRId64, value);
        }
        putchar(']');
    }
    putchar(']');
}

static void print_frame_header(const uint8_t *bytes)
{
    struct corelane_frame_header f;
    memcpy(&f, bytes, sizeof f);
    printf("\"len_bytes\":");
    printf("%" PRIu64, (uint64_t)f.len_bytes);
    printf(",\"kind\":");
    printf("%" PRIu64, (uint64_t)f.kind);
    printf(",\"version\":");
    printf("%" PRIu64, (uint64_t)f.version);
    printf(",\"flags\":");
    printf("%" PRIu64, (uint64_t)f.flags);
    printf(",\"instrument_id\":");
    printf("%" PRIu64, (uint64_t)f.instrument_id);
    printf(",\"venue_id\":");
    printf("%" PRIu64, (uint64_t)f.venue_id);
    printf(",\"strategy_id\":");
    printf("%" PRIu64, (uint64_t)f.strategy_id);
    printf(",\"seq\":");
    printf("%" PRIu64, (uint64_t)f.seq);
    printf(",\"ts_event_ns\":");
    printf("%" PRIu64, (uint64_t)f.ts_event_ns);
    printf(",\"ts_recv_ns\":");
    printf("%" PRIu64, (uint64_t)f.ts_recv_ns);
}

static void print_instrument(const uint8_t *bytes)
{
    struct corelane_instrument f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"instrument\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"symbol\":");
    print_text(f.symbol, sizeof f.symbol);
    printf(",\"tick_size_e9\":");
    printf("%" PRId64, (int64_t)f.tick_size_e9);
    printf(",\"lot_size_e9\":");
    printf("%" PRId64, (int64_t)f.lot_size_e9);
    printf(",\"min_qty_lots\":");
    printf("%" PRId64, (int64_t)f.min_qty_lots);
    printf(",\"max_qty_lots\":");
    printf("%" PRId64, (int64_t)f.max_qty_lots);
    printf(",\"min_notional_e9\":");
    printf("%" PRId64, (int64_t)f.min_notional_e9);
    printf(",\"instrument_type\":");
    printf("%" PRIu64, (uint64_t)f.instrument_type);
    putchar('}');
}

static void print_depth_delta(const uint8_t *bytes)
{
    struct corelane_depth_delta f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"depth-delta\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"first_update_id\":");
    printf("%" PRIu64, (uint64_t)f.first_update_id);
    printf(",\"last_update_id\":");
    printf("%" PRIu64, (uint64_t)f.last_update_id);
    printf(",\"prev_update_id\":");
    printf("%" PRIu64, (uint64_t)f.prev_update_id);
    printf(",\"bid_count\":");
    printf("%" PRIu64, (uint64_t)f.bid_count);
    printf(",\"ask_count\":");
    printf("%" PRIu64, (uint64_t)f.ask_count);
    printf(",\"bids\":");
    print_rows(bytes + sizeof f, f.bid_count, 2);
    printf(",\"asks\":");
    print_rows(bytes + sizeof f + f.bid_count * sizeof(struct corelane_level), f.ask_count, 2);
    putchar('}');
}

static void print_book_snapshot(const uint8_t *bytes)
{
    struct corelane_book_snapshot f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"book-snapshot\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"last_update_id\":");
    printf("%" PRIu64, (uint64_t)f.last_update_id);
    printf(",\"bid_count\":");
    printf("%" PRIu64, (uint64_t)f.bid_count);
    printf(",\"ask_count\":");
    printf("%" PRIu64, (uint64_t)f.ask_count);
    printf(",\"bids\":");
    print_rows(bytes + sizeof f, f.bid_count, 2);
    printf(",\"asks\":");
    print_rows(bytes + sizeof f + f.bid_count * sizeof(struct corelane_level), f.ask_count, 2);
    putchar('}');
}

static void print_trade(const uint8_t *bytes)
{
    struct corelane_trade f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"trade\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"price_ticks\":");
    printf("%" PRId64, (int64_t)f.price_ticks);
    printf(",\"qty_lots\":");
    printf("%" PRId64, (int64_t)f.qty_lots);
    printf(",\"trade_id\":");
    printf("%" PRIu64, (uint64_t)f.trade_id);
    printf(",\"aggressor\":");
    printf("%" PRIu64, (uint64_t)f.aggressor);
    putchar('}');
}

static void print_quote(const uint8_t *bytes)
{
    struct corelane_quote f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"quote\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"bid_price_ticks\":");
    printf("%" PRId64, (int64_t)f.bid_price_ticks);
    printf(",\"bid_qty_lots\":");
    printf("%" PRId64, (int64_t)f.bid_qty_lots);
    printf(",\"ask_price_ticks\":");
    printf("%" PRId64, (int64_t)f.ask_price_ticks);
    printf(",\"ask_qty_lots\":");
    printf("%" PRId64, (int64_t)f.ask_qty_lots);
    printf(",\"update_id\":");
    printf("%" PRIu64, (uint64_t)f.update_id);
    putchar('}');
}

static void print_gap(const uint8_t *bytes)
{
    struct corelane_gap f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"gap\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"expected_id\":");
    printf("%" PRIu64, (uint64_t)f.expected_id);
    printf(",\"received_id\":");
    printf("%" PRIu64, (uint64_t)f.received_id);
    printf(",\"reason\":");
    printf("%" PRIu64, (uint64_t)f.reason);
    putchar('}');
}

static void print_status(const uint8_t *bytes)
{
    struct corelane_status f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"status\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"status\":");
    printf("%" PRIu64, (uint64_t)f.status);
    putchar('}');
}

static void print_new_order(const uint8_t *bytes)
{
    struct corelane_new_order f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"new-order\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"approval_seq\":");
    printf("%" PRIu64, (uint64_t)f.approval_seq);
    printf(",\"price_ticks\":");
    printf("%" PRId64, (int64_t)f.price_ticks);
    printf(",\"stop_px_ticks\":");
    printf("%" PRId64, (int64_t)f.stop_px_ticks);
    printf(",\"qty_lots\":");
    printf("%" PRId64, (int64_t)f.qty_lots);
    printf(",\"expire_ns\":");
    printf("%" PRIu64, (uint64_t)f.expire_ns);
    printf(",\"parent_id\":");
    printf("%" PRIu64, (uint64_t)f.parent_id);
    printf(",\"link_id\":");
    printf("%" PRIu64, (uint64_t)f.link_id);
    printf(",\"side\":");
    printf("%" PRIu64, (uint64_t)f.side);
    printf(",\"ord_type\":");
    printf("%" PRIu64, (uint64_t)f.ord_type);
    printf(",\"time_in_force\":");
    printf("%" PRIu64, (uint64_t)f.time_in_force);
    printf(",\"exec_inst\":");
    printf("%" PRIu64, (uint64_t)f.exec_inst);
    putchar('}');
}

static void print_cancel_order(const uint8_t *bytes)
{
    struct corelane_cancel_order f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"cancel-order\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"orig_cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.orig_cl_ord_id);
    printf(",\"order_id\":");
    printf("%" PRIu64, (uint64_t)f.order_id);
    putchar('}');
}

static void print_replace_order(const uint8_t *bytes)
{
    struct corelane_replace_order f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"replace-order\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"orig_cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.orig_cl_ord_id);
    printf(",\"order_id\":");
    printf("%" PRIu64, (uint64_t)f.order_id);
    printf(",\"approval_seq\":");
    printf("%" PRIu64, (uint64_t)f.approval_seq);
    printf(",\"price_ticks\":");
    printf("%" PRId64, (int64_t)f.price_ticks);
    printf(",\"qty_lots\":");
    printf("%" PRId64, (int64_t)f.qty_lots);
    putchar('}');
}

static void print_execution_report(const uint8_t *bytes)
{
    struct corelane_execution_report f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"execution-report\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"orig_cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.orig_cl_ord_id);
    printf(",\"order_id\":");
    printf("%" PRIu64, (uint64_t)f.order_id);
    printf(",\"exec_id\":");
    printf("%" PRIu64, (uint64_t)f.exec_id);
    printf(",\"last_px_ticks\":");
    printf("%" PRId64, (int64_t)f.last_px_ticks);
    printf(",\"last_qty_lots\":");
    printf("%" PRId64, (int64_t)f.last_qty_lots);
    printf(",\"leaves_qty_lots\":");
    printf("%" PRId64, (int64_t)f.leaves_qty_lots);
    printf(",\"cum_qty_lots\":");
    printf("%" PRId64, (int64_t)f.cum_qty_lots);
    printf(",\"fee_e9\":");
    printf("%" PRId64, (int64_t)f.fee_e9);
    printf(",\"exec_type\":");
    printf("%" PRIu64, (uint64_t)f.exec_type);
    printf(",\"ord_status\":");
    printf("%" PRIu64, (uint64_t)f.ord_status);
    printf(",\"side\":");
    printf("%" PRIu64, (uint64_t)f.side);
    printf(",\"liquidity\":");
    printf("%" PRIu64, (uint64_t)f.liquidity);
    printf(",\"reject_reason\":");
    printf("%" PRIu64, (uint64_t)f.reject_reason);
    putchar('}');
}

static void print_cancel_reject(const uint8_t *bytes)
{
    struct corelane_cancel_reject f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"cancel-reject\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"orig_cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.orig_cl_ord_id);
    printf(",\"order_id\":");
    printf("%" PRIu64, (uint64_t)f.order_id);
    printf(",\"ord_status\":");
    printf("%" PRIu64, (uint64_t)f.ord_status);
    printf(",\"reject_reason\":");
    printf("%" PRIu64, (uint64_t)f.reject_reason);
    putchar('}');
}

static void print_denied(const uint8_t *bytes)
{
    struct corelane_denied f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"denied\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"mask\":");
    printf("%" PRIu64, (uint64_t)f.mask);
    printf(",\"price_ticks\":");
    printf("%" PRId64, (int64_t)f.price_ticks);
    printf(",\"qty_lots\":");
    printf("%" PRId64, (int64_t)f.qty_lots);
    printf(",\"limit\":");
    printf("%" PRId64, (int64_t)f.limit);
    printf(",\"actual\":");
    printf("%" PRId64, (int64_t)f.actual);
    printf(",\"primary\":");
    printf("%" PRIu64, (uint64_t)f.primary);
    printf(",\"side\":");
    printf("%" PRIu64, (uint64_t)f.side);
    putchar('}');
}

static void print_signal_request(const uint8_t *bytes)
{
    struct corelane_signal_request f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"signal-request\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"request_id\":");
    printf("%" PRIu64, (uint64_t)f.request_id);
    printf(",\"sample_interval_ns\":");
    printf("%" PRIu64, (uint64_t)f.sample_interval_ns);
    printf(",\"expires_mono_ns\":");
    printf("%" PRIu64, (uint64_t)f.expires_mono_ns);
    printf(",\"snapshots\":");
    printf("%" PRIu64, (uint64_t)f.snapshots);
    printf(",\"levels\":");
    printf("%" PRIu64, (uint64_t)f.levels);
    printf(",\"window\":");
    print_rows((const uint8_t *)f.window, 100, 4);
    putchar('}');
}

static void print_signal_response(const uint8_t *bytes)
{
    struct corelane_signal_response f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"signal-response\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"request_id\":");
    printf("%" PRIu64, (uint64_t)f.request_id);
    printf(",\"model_hash\":");
    printf("%" PRIu64, (uint64_t)f.model_hash);
    printf(",\"infer_ns\":");
    printf("%" PRIu64, (uint64_t)f.infer_ns);
    printf(",\"score_e6\":");
    printf("%" PRId64, (int64_t)f.score_e6);
    printf(",\"p_up_e6\":");
    printf("%" PRIu64, (uint64_t)f.p_up_e6);
    printf(",\"p_down_e6\":");
    printf("%" PRIu64, (uint64_t)f.p_down_e6);
    printf(",\"generation\":");
    printf("%" PRIu64, (uint64_t)f.generation);
    printf(",\"batch\":");
    printf("%" PRIu64, (uint64_t)f.batch);
    printf(",\"status\":");
    printf("%" PRIu64, (uint64_t)f.status);
    putchar('}');
}

static void print_hello(const uint8_t *bytes)
{
    struct corelane_hello f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"hello\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"schema_hash\":");
    printf("%" PRIu64, (uint64_t)f.schema_hash);
    printf(",\"pid\":");
    printf("%" PRIu64, (uint64_t)f.pid);
    printf(",\"wire_version\":");
    printf("%" PRIu64, (uint64_t)f.wire_version);
    printf(",\"role\":");
    printf("%" PRIu64, (uint64_t)f.role);
    printf(",\"shared_memory\":");
    printf("%" PRIu64, (uint64_t)f.shared_memory);
    putchar('}');
}

static void print_hello_ack(const uint8_t *bytes)
{
    struct corelane_hello_ack f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"hello-ack\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"schema_hash\":");
    printf("%" PRIu64, (uint64_t)f.schema_hash);
    printf(",\"model_hash\":");
    printf("%" PRIu64, (uint64_t)f.model_hash);
    printf(",\"pid\":");
    printf("%" PRIu64, (uint64_t)f.pid);
    printf(",\"generation\":");
    printf("%" PRIu64, (uint64_t)f.generation);
    printf(",\"wire_version\":");
    printf("%" PRIu64, (uint64_t)f.wire_version);
    printf(",\"role\":");
    printf("%" PRIu64, (uint64_t)f.role);
    printf(",\"status\":");
    printf("%" PRIu64, (uint64_t)f.status);
    printf(",\"backend\":");
    print_text(f.backend, sizeof f.backend);
    printf(",\"shared_memory\":");
    printf("%" PRIu64, (uint64_t)f.shared_memory);
    putchar('}');
}

static void print_model_command(const uint8_t *bytes)
{
    struct corelane_model_command f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"model-command\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"request_id\":");
    printf("%" PRIu64, (uint64_t)f.request_id);
    printf(",\"answers\":");
    printf("%" PRIu64, (uint64_t)f.answers);
    printf(",\"action\":");
    printf("%" PRIu64, (uint64_t)f.action);
    printf(",\"address\":");
    print_text(f.address, sizeof f.address);
    putchar('}');
}

static void print_model_change(const uint8_t *bytes)
{
    struct corelane_model_change f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"model-change\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"model_hash\":");
    printf("%" PRIu64, (uint64_t)f.model_hash);
    printf(",\"generation\":");
    printf("%" PRIu64, (uint64_t)f.generation);
    printf(",\"backend\":");
    print_text(f.backend, sizeof f.backend);
    putchar('}');
}

static void print_doorbell(const uint8_t *bytes)
{
    struct corelane_doorbell f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"doorbell\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    putchar('}');
}

static void print_advice(const uint8_t *bytes)
{
    struct corelane_advice f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"advice\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"advice_id\":");
    printf("%" PRIu64, (uint64_t)f.advice_id);
    printf(",\"value\":");
    printf("%" PRId64, (int64_t)f.value);
    printf(",\"expires_ns\":");
    printf("%" PRIu64, (uint64_t)f.expires_ns);
    printf(",\"field\":");
    printf("%" PRIu64, (uint64_t)f.field);
    printf(",\"reason_code\":");
    printf("%" PRIu64, (uint64_t)f.reason_code);
    printf(",\"source\":");
    printf("%" PRIu64, (uint64_t)f.source);
    putchar('}');
}

static void print_control(const uint8_t *bytes)
{
    struct corelane_control f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"control\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"request_id\":");
    printf("%" PRIu64, (uint64_t)f.request_id);
    printf(",\"argument\":");
    printf("%" PRIu64, (uint64_t)f.argument);
    printf(",\"command\":");
    printf("%" PRIu64, (uint64_t)f.command);
    printf(",\"reason\":");
    print_text(f.reason, sizeof f.reason);
    putchar('}');
}

static void print_control_reply(const uint8_t *bytes)
{
    struct corelane_control_reply f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"control-reply\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"request_id\":");
    printf("%" PRIu64, (uint64_t)f.request_id);
    printf(",\"text_len\":");
    printf("%" PRIu64, (uint64_t)f.text_len);
    printf(",\"code\":");
    printf("%" PRIu64, (uint64_t)f.code);
    printf(",\"text\":");
    print_text(bytes + sizeof f, f.text_len);
    putchar('}');
}

static void print_timer(const uint8_t *bytes)
{
    struct corelane_timer f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"timer\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"deadline_ns\":");
    printf("%" PRIu64, (uint64_t)f.deadline_ns);
    printf(",\"timer_id\":");
    printf("%" PRIu64, (uint64_t)f.timer_id);
    putchar('}');
}

static void print_mode_change(const uint8_t *bytes)
{
    struct corelane_mode_change f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"mode-change\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"from\":");
    printf("%" PRIu64, (uint64_t)f.from);
    printf(",\"to\":");
    printf("%" PRIu64, (uint64_t)f.to);
    printf(",\"cause_kind\":");
    printf("%" PRIu64, (uint64_t)f.cause_kind);
    putchar('}');
}

static void print_session_start(const uint8_t *bytes)
{
    struct corelane_session_start f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"session-start\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"epoch\":");
    printf("%" PRIu64, (uint64_t)f.epoch);
    printf(",\"schema_hash\":");
    printf("%" PRIu64, (uint64_t)f.schema_hash);
    printf(",\"config_hash\":");
    printf("%" PRIu64, (uint64_t)f.config_hash);
    printf(",\"data_hash\":");
    printf("%" PRIu64, (uint64_t)f.data_hash);
    printf(",\"host_hash\":");
    printf("%" PRIu64, (uint64_t)f.host_hash);
    printf(",\"instruments\":");
    printf("%" PRIu64, (uint64_t)f.instruments);
    printf(",\"strategies\":");
    printf("%" PRIu64, (uint64_t)f.strategies);
    putchar('}');
}

static void print_session_end(const uint8_t *bytes)
{
    struct corelane_session_end f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"session-end\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"inputs\":");
    printf("%" PRIu64, (uint64_t)f.inputs);
    printf(",\"outputs\":");
    printf("%" PRIu64, (uint64_t)f.outputs);
    printf(",\"state_hash\":");
    printf("%" PRIu64, (uint64_t)f.state_hash);
    putchar('}');
}

static void print_parent_order(const uint8_t *bytes)
{
    struct corelane_parent_order f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"parent-order\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"start_ns\":");
    printf("%" PRIu64, (uint64_t)f.start_ns);
    printf(",\"end_ns\":");
    printf("%" PRIu64, (uint64_t)f.end_ns);
    printf(",\"limit_px_ticks\":");
    printf("%" PRId64, (int64_t)f.limit_px_ticks);
    printf(",\"qty_lots\":");
    printf("%" PRId64, (int64_t)f.qty_lots);
    printf(",\"cum_qty_lots\":");
    printf("%" PRId64, (int64_t)f.cum_qty_lots);
    printf(",\"working_lots\":");
    printf("%" PRId64, (int64_t)f.working_lots);
    printf(",\"parent_id\":");
    printf("%" PRIu64, (uint64_t)f.parent_id);
    printf(",\"slices\":");
    printf("%" PRIu64, (uint64_t)f.slices);
    printf(",\"side\":");
    printf("%" PRIu64, (uint64_t)f.side);
    printf(",\"style\":");
    printf("%" PRIu64, (uint64_t)f.style);
    printf(",\"state\":");
    printf("%" PRIu64, (uint64_t)f.state);
    putchar('}');
}

static void print_mass_status_request(const uint8_t *bytes)
{
    struct corelane_mass_status_request f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"mass-status-request\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"mass_status_id\":");
    printf("%" PRIu64, (uint64_t)f.mass_status_id);
    putchar('}');
}

static void print_order_status_request(const uint8_t *bytes)
{
    struct corelane_order_status_request f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"order-status-request\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"order_id\":");
    printf("%" PRIu64, (uint64_t)f.order_id);
    putchar('}');
}

static void print_order_status_report(const uint8_t *bytes)
{
    struct corelane_order_status_report f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"order-status-report\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"order_id\":");
    printf("%" PRIu64, (uint64_t)f.order_id);
    printf(",\"price_ticks\":");
    printf("%" PRId64, (int64_t)f.price_ticks);
    printf(",\"qty_lots\":");
    printf("%" PRId64, (int64_t)f.qty_lots);
    printf(",\"cum_qty_lots\":");
    printf("%" PRId64, (int64_t)f.cum_qty_lots);
    printf(",\"leaves_qty_lots\":");
    printf("%" PRId64, (int64_t)f.leaves_qty_lots);
    printf(",\"mass_status_id\":");
    printf("%" PRIu64, (uint64_t)f.mass_status_id);
    printf(",\"ord_status\":");
    printf("%" PRIu64, (uint64_t)f.ord_status);
    printf(",\"side\":");
    printf("%" PRIu64, (uint64_t)f.side);
    printf(",\"ord_type\":");
    printf("%" PRIu64, (uint64_t)f.ord_type);
    printf(",\"time_in_force\":");
    printf("%" PRIu64, (uint64_t)f.time_in_force);
    putchar('}');
}

static void print_position_report(const uint8_t *bytes)
{
    struct corelane_position_report f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"position-report\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"position_lots\":");
    printf("%" PRId64, (int64_t)f.position_lots);
    printf(",\"avg_px_ticks\":");
    printf("%" PRId64, (int64_t)f.avg_px_ticks);
    printf(",\"balance_e9\":");
    printf("%" PRId64, (int64_t)f.balance_e9);
    printf(",\"fills\":");
    printf("%" PRIu64, (uint64_t)f.fills);
    printf(",\"mass_status_id\":");
    printf("%" PRIu64, (uint64_t)f.mass_status_id);
    putchar('}');
}

static void print_mass_status_end(const uint8_t *bytes)
{
    struct corelane_mass_status_end f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"mass-status-end\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"mass_status_id\":");
    printf("%" PRIu64, (uint64_t)f.mass_status_id);
    printf(",\"orders\":");
    printf("%" PRIu64, (uint64_t)f.orders);
    printf(",\"positions\":");
    printf("%" PRIu64, (uint64_t)f.positions);
    putchar('}');
}

static void print_venue_session(const uint8_t *bytes)
{
    struct corelane_venue_session f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"venue-session\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"state\":");
    printf("%" PRIu64, (uint64_t)f.state);
    printf(",\"cancels_on_disconnect\":");
    printf("%" PRIu64, (uint64_t)f.cancels_on_disconnect);
    putchar('}');
}

static void print_risk_input(const uint8_t *bytes)
{
    struct corelane_risk_input f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"risk-input\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"value\":");
    printf("%" PRId64, (int64_t)f.value);
    printf(",\"field\":");
    printf("%" PRIu64, (uint64_t)f.field);
    putchar('}');
}

static void print_limit_change(const uint8_t *bytes)
{
    struct corelane_limit_change f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"limit-change\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"value\":");
    printf("%" PRId64, (int64_t)f.value);
    printf(",\"change_id\":");
    printf("%" PRIu64, (uint64_t)f.change_id);
    printf(",\"field\":");
    printf("%" PRIu64, (uint64_t)f.field);
    printf(",\"scope\":");
    printf("%" PRIu64, (uint64_t)f.scope);
    printf(",\"source\":");
    printf("%" PRIu64, (uint64_t)f.source);
    putchar('}');
}

static void print_limits_epoch(const uint8_t *bytes)
{
    struct corelane_limits_epoch f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"limits-epoch\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"epoch\":");
    printf("%" PRIu64, (uint64_t)f.epoch);
    printf(",\"sha256\":");
    print_text(f.sha256, sizeof f.sha256);
    printf(",\"stage\":");
    printf("%" PRIu64, (uint64_t)f.stage);
    putchar('}');
}

static void print_alarm(const uint8_t *bytes)
{
    struct corelane_alarm f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"alarm\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"cl_ord_id\":");
    printf("%" PRIu64, (uint64_t)f.cl_ord_id);
    printf(",\"limit\":");
    printf("%" PRId64, (int64_t)f.limit);
    printf(",\"actual\":");
    printf("%" PRId64, (int64_t)f.actual);
    printf(",\"code\":");
    printf("%" PRIu64, (uint64_t)f.code);
    putchar('}');
}

static void print_kill_report(const uint8_t *bytes)
{
    struct corelane_kill_report f;
    memcpy(&f, bytes, sizeof f);
    printf("{\"kind\":\"kill-report\"");
    printf(",\"header\":");
    putchar('{'); print_frame_header((const uint8_t *)&f.header); putchar('}');
    printf(",\"residual_e9\":");
    printf("%" PRId64, (int64_t)f.residual_e9);
    printf(",\"working\":");
    printf("%" PRIu64, (uint64_t)f.working);
    printf(",\"unknown\":");
    printf("%" PRIu64, (uint64_t)f.unknown);
    printf(",\"cancels\":");
    printf("%" PRIu64, (uint64_t)f.cancels);
    printf(",\"positions\":");
    printf("%" PRIu64, (uint64_t)f.positions);
    printf(",\"scope\":");
    printf("%" PRIu64, (uint64_t)f.scope);
    printf(",\"cause\":");
    printf("%" PRIu64, (uint64_t)f.cause);
    printf(",\"stage\":");
    printf("%" PRIu64, (uint64_t)f.stage);
    putchar('}');
}

static int print_frame(const uint8_t *bytes, uint16_t kind)
{
    switch (kind) {
    case CORELANE_FRAME_KIND_INSTRUMENT:
        print_instrument(bytes);
        return 0;
    case CORELANE_FRAME_KIND_DEPTH_DELTA:
        print_depth_delta(bytes);
        return 0;
    case CORELANE_FRAME_KIND_BOOK_SNAPSHOT:
        print_book_snapshot(bytes);
        return 0;
    case CORELANE_FRAME_KIND_TRADE:
        print_trade(bytes);
        return 0;
    case CORELANE_FRAME_KIND_QUOTE:
        print_quote(bytes);
        return 0;
    case CORELANE_FRAME_KIND_GAP:
        print_gap(bytes);
        return 0;
    case CORELANE_FRAME_KIND_STATUS:
        print_status(bytes);
        return 0;
    case CORELANE_FRAME_KIND_NEW_ORDER:
        print_new_order(bytes);
        return 0;
    case CORELANE_FRAME_KIND_CANCEL_ORDER:
        print_cancel_order(bytes);
        return 0;
    case CORELANE_FRAME_KIND_REPLACE_ORDER:
        print_replace_order(bytes);
        return 0;
    case CORELANE_FRAME_KIND_EXECUTION_REPORT:
        print_execution_report(bytes);
        return 0;
    case CORELANE_FRAME_KIND_CANCEL_REJECT:
        print_cancel_reject(bytes);
        return 0;
    case CORELANE_FRAME_KIND_DENIED:
        print_denied(bytes);
        return 0;
    case CORELANE_FRAME_KIND_SIGNAL_REQUEST:
        print_signal_request(bytes);
        return 0;
    case CORELANE_FRAME_KIND_SIGNAL_RESPONSE:
        print_signal_response(bytes);
        return 0;
    case CORELANE_FRAME_KIND_HELLO:
        print_hello(bytes);
        return 0;
    case CORELANE_FRAME_KIND_HELLO_ACK:
        print_hello_ack(bytes);
        return 0;
    case CORELANE_FRAME_KIND_MODEL_COMMAND:
        print_model_command(bytes);
        return 0;
    case CORELANE_FRAME_KIND_MODEL_CHANGE:
        print_model_change(bytes);
        return 0;
    case CORELANE_FRAME_KIND_DOORBELL:
        print_doorbell(bytes);
        return 0;
    case CORELANE_FRAME_KIND_ADVICE:
        print_advice(bytes);
        return 0;
    case CORELANE_FRAME_KIND_CONTROL:
        print_control(bytes);
        return 0;
    case CORELANE_FRAME_KIND_CONTROL_REPLY:
        print_control_reply(bytes);
        return 0;
    case CORELANE_FRAME_KIND_TIMER:
        print_timer(bytes);
        return 0;
    case CORELANE_FRAME_KIND_MODE_CHANGE:
        print_mode_change(bytes);
        return 0;
    case CORELANE_FRAME_KIND_SESSION_START:
        print_session_start(bytes);
        return 0;
    case CORELANE_FRAME_KIND_SESSION_END:
        print_session_end(bytes);
        return 0;
    case CORELANE_FRAME_KIND_PARENT_ORDER:
        print_parent_order(bytes);
        return 0;
    case CORELANE_FRAME_KIND_MASS_STATUS_REQUEST:
        print_mass_status_request(bytes);
        return 0;
    case CORELANE_FRAME_KIND_ORDER_STATUS_REQUEST:
        print_order_status_request(bytes);
        return 0;
    case CORELANE_FRAME_KIND_ORDER_STATUS_REPORT:
        print_order_status_report(bytes);
        return 0;
    case CORELANE_FRAME_KIND_POSITION_REPORT:
        print_position_report(bytes);
        return 0;
    case CORELANE_FRAME_KIND_MASS_STATUS_END:
        print_mass_status_end(bytes);
        return 0;
    case CORELANE_FRAME_KIND_VENUE_SESSION:
        print_venue_session(bytes);
        return 0;
    case CORELANE_FRAME_KIND_RISK_INPUT:
        print_risk_input(bytes);
        return 0;
    case CORELANE_FRAME_KIND_LIMIT_CHANGE:
        print_limit_change(bytes);
        return 0;
    case CORELANE_FRAME_KIND_LIMITS_EPOCH:
        print_limits_epoch(bytes);
        return 0;
    case CORELANE_FRAME_KIND_ALARM:
        print_alarm(bytes);
        return 0;
    case CORELANE_FRAME_KIND_KILL_REPORT:
        print_kill_report(bytes);
        return 0;
    default:
        return 1;
    }
}

int main(int argc, char **argv)
{
    static uint8_t bytes[CORELANE_MAX_FRAME_BYTES];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: decode FILE\n");
        return CORELANE_EXIT_ARGUMENTS;
    }
    putchar('[');
    for (int count = 0;; count++) {
        struct corelane_frame_header header;
        size_t got = fread(bytes, 1, sizeof header, file);
        if (got == 0 && feof(file)) {
            break;
        }
        memcpy(&header, bytes, sizeof header);
        if (got != sizeof header || header.len_bytes < sizeof header ||
            header.len_bytes > sizeof bytes) {
            fprintf(stderr, "frame %d: bad length\n", count);
            return CORELANE_EXIT_RESOURCE;
        }
        if (header.version != CORELANE_WIRE_VERSION) {
            fprintf(stderr, "frame %d: wire version %d\n", count, header.version);
            return CORELANE_EXIT_WIRE_VERSION;
        }
        size_t rest = header.len_bytes - sizeof header;
        if (fread(bytes + sizeof header, 1, rest, file) != rest) {
            fprintf(stderr, "frame %d: truncated\n", count);
            return CORELANE_EXIT_RESOURCE;
        }
        printf(count == 0 ? "\n" : ",\n");
        if (print_frame(bytes, header.kind) != 0) {
            fprintf(stderr, "frame %d: unknown kind %d\n", count, header.kind);
            return CORELANE_EXIT_RESOURCE;
        }
    }
    printf("\n]\n");
    fclose(file);
    return CORELANE_EXIT_CLEAN;
}
