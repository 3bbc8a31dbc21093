//! Limits, the figures risk checks need from outside, alarms and kill reports.
//!
//! A limit is named by scope, field and (in the header) the instrument, strategy or venue. A limits
//! file becomes a [`LimitsEpoch`] that begins, one [`LimitChange`] for each value, and a
//! [`LimitsEpoch`] that commits; single changes at run time only tighten.

use crate::frame::FrameHeader;
use crate::layout::{wire_code, wire_struct};
use crate::units::ClOrdId;

wire_code! {
    /// What a limit row or a kill switch covers.
    Scope: u8 {
        /// The whole station.
        Firm = b'F', "firm";
        /// One venue.
        Venue = b'V', "venue";
        /// One strategy.
        Strategy = b'S', "strategy";
        /// One instrument.
        Symbol = b'Y', "symbol";
    }
}

wire_code! {
    /// A limit. The number is stable; which scopes have it stands in brackets.
    LimitField: u16 {
        /// Largest order, lots (symbol).
        MaxOrderQty = 1, "max_order_qty_lots";
        /// Largest order value, billionths of the quote currency (symbol) or of the base
        /// currency (firm).
        MaxOrderNotional = 2, "max_order_notional_e9";
        /// Largest order as a share of the average daily volume, basis points (symbol).
        MaxAdvBp = 3, "max_adv_bp";
        /// Largest order as a share of the displayed depth it would take from, basis points
        /// (symbol).
        MaxDepthBp = 4, "max_depth_bp";
        /// Farthest a price may lie from the reference, basis points (symbol).
        PriceCollarBp = 5, "price_collar_bp";
        /// The collar is at least this wide, ticks (symbol).
        PriceCollarTicks = 6, "price_collar_ticks";
        /// Farthest a price may lie beyond the opposite touch, ticks (symbol).
        MaxAggressionTicks = 7, "max_aggression_ticks";
        /// Largest long position, lots (symbol, strategy).
        MaxLong = 8, "max_long_lots";
        /// Largest short position, lots (symbol, strategy).
        MaxShort = 9, "max_short_lots";
        /// Most orders that are not done (symbol, strategy, venue, firm).
        MaxOpenOrders = 10, "max_open_orders";
        /// Largest value of orders that are not done, billionths (symbol: quote currency; firm:
        /// base currency).
        MaxOpenNotional = 11, "max_open_notional_e9";
        /// Oldest market data an order may be based on, nanoseconds (symbol).
        MaxMarketAge = 12, "max_market_age_ns";
        /// Widest spread, ticks (symbol).
        MaxSpreadTicks = 13, "max_spread_ticks";
        /// Widest spread, medians of the spread (symbol).
        MaxSpreadMedians = 14, "max_spread_medians";
        /// Requests that may have gone unanswered since the one the score answers (symbol).
        MaxSignalLag = 15, "max_signal_lag";
        /// Equal scores in a row (symbol).
        MaxSignalRepeats = 16, "max_signal_repeats";
        /// New and amended orders per second, sustained (symbol, strategy, venue).
        OrderRatePerS = 17, "order_rate_per_s";
        /// New and amended orders at once (symbol, strategy, venue).
        OrderBurst = 18, "order_burst";
        /// Equal orders within the duplicate window (symbol).
        MaxDuplicates = 19, "max_duplicates";
        /// Window in which equal orders count as duplicates, nanoseconds (symbol).
        DuplicateWindow = 20, "duplicate_window_ns";
        /// Lots filled within the fill window (symbol).
        MaxFillLots = 21, "max_fill_lots";
        /// Window of the fill rate, nanoseconds (symbol).
        FillWindow = 22, "fill_window_ns";
        /// Largest worst-case gross exposure, billionths of the base currency (firm).
        MaxGross = 23, "max_gross_e9";
        /// Largest worst-case net exposure either way, billionths of the base currency (firm).
        MaxNet = 24, "max_net_e9";
        /// Largest share of the gross limit in one instrument, basis points (firm).
        MaxConcentrationBp = 25, "max_concentration_bp";
        /// Share of the venue's free balance that orders may claim, basis points (firm).
        CreditUseBp = 26, "credit_use_bp";
        /// Capital allotted, billionths of the base currency (strategy).
        Capital = 27, "capital_e9";
        /// Largest value at risk, billionths of the base currency (firm).
        VarLimit = 28, "var_limit_e9";
        /// Orders whose state is unknown before opening stops (firm).
        MaxUnknownOrders = 29, "max_unknown_orders";
        /// Value of orders whose state is unknown before opening stops, billionths of the base
        /// currency (firm).
        MaxUnknownNotional = 30, "max_unknown_notional_e9";
        /// Loss of the day, billionths of the base currency (strategy, firm).
        MaxDailyLoss = 31, "max_daily_loss_e9";
        /// Fall from the high-water mark, billionths of the base currency (strategy, firm).
        MaxDrawdown = 32, "max_drawdown_e9";
        /// Losing round trips in a row (strategy).
        MaxLossStreak = 33, "max_loss_streak";
        /// Loss within one minute, billionths of the base currency (strategy, firm).
        MaxLossPerMin = 34, "max_loss_per_min_e9";
        /// Messages per second, sustained (venue).
        MessageRatePerS = 35, "message_rate_per_s";
        /// Messages at once (venue).
        MessageBurst = 36, "message_burst";
        /// Share of the message burst that orders may use; the rest is kept for cancels, basis
        /// points (venue).
        OrderShareBp = 37, "order_share_bp";
        /// Order messages a fill, counted from the hundredth message (strategy).
        MaxOrderToTrade = 38, "max_order_to_trade";
        /// Fills before an operator must look (strategy).
        MaxExecutions = 39, "max_executions";
        /// Denials and rejects in a row (strategy).
        MaxConsecutiveRejects = 40, "max_consecutive_rejects";
        /// Traded value of the day, billionths of the base currency (strategy, firm).
        MaxDailyTurnover = 41, "max_daily_turnover_e9";
        /// Orders of the day (strategy, firm).
        MaxDailyOrders = 42, "max_daily_orders";
        /// Oldest reconciliation and risk figures, nanoseconds (firm).
        MaxRiskAge = 43, "max_risk_age_ns";
        /// Oldest exchange rate, nanoseconds (firm).
        MaxFxAge = 44, "max_fx_age_ns";
        /// Largest clock error against UTC, nanoseconds (firm).
        MaxClockOffset = 45, "max_clock_offset_ns";
        /// Order quantities are a multiple of this, lots (symbol).
        QtyStep = 46, "qty_step_lots";
        /// Order prices are a multiple of this, ticks (symbol).
        PriceStep = 47, "price_step_ticks";
    }
}

wire_code! {
    /// Where a limit change comes from.
    ChangeSource: u8 {
        /// An operator at run time: may only tighten.
        Runtime = b'R', "runtime";
        /// Part of a limits file between the begin and the commit of its epoch.
        Epoch = b'E', "epoch";
    }
}

wire_code! {
    /// Stage of taking a limits file.
    EpochStage: u8 {
        /// The values of this epoch follow.
        Begin = b'B', "begin";
        /// All values came: they hold from here.
        Commit = b'C', "commit";
        /// The epoch a session starts with; its values are in the configuration.
        Running = b'R', "running";
    }
}

wire_code! {
    /// A figure the checks need from outside the engine.
    RiskField: u8 {
        /// Base currency for one unit of the instrument's quote currency, billionths.
        FxRate = 1, "fx-rate";
        /// Lots that may be sold short (a locate).
        ShortLots = 2, "short-lots";
        /// Lowest price the venue's band allows, ticks.
        BandLow = 3, "band-low";
        /// Highest price the venue's band allows, ticks.
        BandHigh = 4, "band-high";
        /// Average daily volume, lots.
        Adv = 5, "adv";
        /// Value at risk of the whole portfolio, billionths of the base currency.
        Var = 6, "var";
        /// Change of the value at risk for one lot more of the instrument, billionths of the base
        /// currency; negative for a lot that hedges.
        VarSlope = 7, "var-slope";
        /// Free balance at the venue, billionths of the base currency.
        Balance = 8, "balance";
        /// How full the audit trail's buffers are, thousandths.
        AuditFill = 9, "audit-fill";
        /// Largest clock error against UTC, nanoseconds.
        ClockOffset = 10, "clock-offset";
        /// Approvals the edge has spent.
        WireCount = 11, "wire-count";
        /// High-water mark carried over from an earlier session, billionths of the base currency;
        /// of the strategy in the header, or of the firm.
        HighWater = 12, "high-water";
        /// Reference price where there is no market yet (the prior close), ticks.
        PriorClose = 13, "prior-close";
        /// Profit of earlier sessions, billionths of the base currency; of the strategy in the
        /// header, or of the firm.
        CarriedProfit = 14, "carried-profit";
    }
}

wire_code! {
    /// What an alarm is about.
    AlarmCode: u8 {
        /// A fill that names no order of ours: booked on the instrument.
        UnattributedFill = 1, "UNATTRIBUTED_FILL";
        /// More was filled than ordered.
        Overfill = 2, "OVERFILL";
        /// A fill of an order that was done.
        FillAfterDone = 3, "FILL_AFTER_DONE";
        /// The venue contradicts itself or us about an order.
        Contradiction = 4, "CONTRADICTION";
        /// A fill was taken back.
        FillBusted = 5, "FILL_BUSTED";
        /// No word from the venue about a sent order in time: it is unknown.
        AckTimeout = 6, "ACK_TIMEOUT";
        /// An order we hold for working is not in the venue's list: it is unknown.
        MissingAtVenue = 7, "MISSING_AT_VENUE";
        /// The venue lists an order that is not ours.
        ExternalOrder = 8, "EXTERNAL_ORDER";
        /// Filled quantity of an order differs from the venue's.
        FillMismatch = 9, "FILL_MISMATCH";
        /// Position differs from the venue's.
        PositionMismatch = 10, "POSITION_MISMATCH";
        /// A mass status was not answered in time.
        ReconcileTimeout = 11, "RECONCILE_TIMEOUT";
        /// A cancel was not confirmed in time.
        CancelUnconfirmed = 12, "CANCEL_UNCONFIRMED";
        /// The order session was lost.
        SessionLost = 13, "SESSION_LOST";
        /// The loss of the day reached its limit.
        DailyLoss = 14, "DAILY_LOSS";
        /// The fall from the high-water mark reached its limit.
        Drawdown = 15, "DRAWDOWN";
        /// Too many losing round trips in a row.
        LossStreak = 16, "LOSS_STREAK";
        /// Too much was lost within a minute.
        LossVelocity = 17, "LOSS_VELOCITY";
        /// A strategy has had as many fills as it may without an operator.
        RepeatedExecution = 18, "REPEATED_EXECUTION";
        /// Too much was filled within the window.
        FillRate = 19, "FILL_RATE";
        /// Too many denials and rejects in a row.
        ConsecutiveRejects = 20, "CONSECUTIVE_REJECTS";
        /// Orders on the wire and approvals differ.
        WireMismatch = 21, "WIRE_MISMATCH";
        /// A protective order of a bracket was denied or rejected: the position stands alone.
        Unprotected = 22, "UNPROTECTED";
        /// An advice was refused.
        AdviceRefused = 23, "ADVICE_REFUSED";
        /// An advice tightened a limit.
        AdviceTaken = 24, "ADVICE_TAKEN";
        /// A limit change was refused.
        LimitRefused = 25, "LIMIT_REFUSED";
        /// A sum left its range: nothing more may be added.
        Overflow = 26, "OVERFLOW";
        /// A parent order ended with quantity left.
        ParentIncomplete = 27, "PARENT_INCOMPLETE";
    }
}

wire_code! {
    /// Who pulled a kill switch.
    KillCause: u8 {
        /// A command: operator, process signal or halt file; its reason is in the command.
        Command = b'C', "command";
        /// A rule of the engine; the alarm before it says which.
        Rule = b'R', "rule";
    }
}

wire_code! {
    /// How far a kill has come.
    KillStage: u8 {
        /// Latched: nothing new passes from here.
        Latched = b'L', "latched";
        /// Every order of the scope is done, on the venue's word.
        Confirmed = b'C', "confirmed";
        /// Some order was not confirmed in time; it counts on.
        Unconfirmed = b'U', "unconfirmed";
        /// An operator released the latch.
        Released = b'O', "released";
    }
}

wire_struct! {
    /// One limit becomes another value.
    LimitChange, size = 64 {
        /// Kind 50; instrument, strategy or venue as the scope needs.
        header: FrameHeader,
        /// The new value, in the field's unit.
        value: i64,
        /// Number of the change, from the sender.
        change_id: u64,
        /// Field.
        field: u16,
        /// Scope: 'F', 'V', 'S' or 'Y'.
        scope: u8,
        /// Source: 'R' run time, 'E' part of an epoch.
        source: u8,
        /// Zero.
        reserved: [u8; 4],
    }
}

wire_struct! {
    /// A limits file, identified.
    LimitsEpoch, size = 120 {
        /// Kind 51.
        header: FrameHeader,
        /// Epoch: rises with every file.
        epoch: u64,
        /// SHA-256 of the file, lower-case hex.
        sha256: [u8; 64],
        /// Stage: 'B', 'C' or 'R'.
        stage: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// A figure the checks need from outside.
    RiskInput, size = 56 {
        /// Kind 41; instrument, strategy or venue as the field needs.
        header: FrameHeader,
        /// The figure, in the field's unit.
        value: i64,
        /// Field.
        field: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// Something an operator must know.
    Alarm, size = 72 {
        /// Kind 60; instrument, strategy and venue as far as they are concerned.
        header: FrameHeader,
        /// The order concerned; undefined where there is none.
        cl_ord_id: ClOrdId,
        /// The limit or our view, in the alarm's unit.
        limit: i64,
        /// What was found.
        actual: i64,
        /// Code.
        code: u8,
        /// Zero.
        reserved: [u8; 7],
    }
}

wire_struct! {
    /// A kill switch moved, or the cancels it caused are settled.
    KillReport, size = 80 {
        /// Kind 61; instrument, strategy or venue as the scope needs.
        header: FrameHeader,
        /// Worst-case gross exposure left in the scope, billionths of the base currency.
        residual_e9: i64,
        /// Orders that are not done.
        working: u32,
        /// Orders whose state is unknown.
        unknown: u32,
        /// Cancels sent for this kill so far.
        cancels: u32,
        /// Instruments with a position that is not flat.
        positions: u32,
        /// Scope.
        scope: u8,
        /// Cause.
        cause: u8,
        /// Stage.
        stage: u8,
        /// Zero.
        reserved: [u8; 13],
    }
}

impl RiskInput {
    /// A figure of the whole station; the header's ids are the caller's to set.
    #[must_use]
    pub fn new(field: RiskField, value: i64) -> Self {
        let header = FrameHeader::new::<Self>();
        Self { header, value, field: field.code(), reserved: [0; 7] }
    }
}
