//! The counters page: a small shared-memory file of 64-bit counters that any tool may read without
//! asking the engine. A counter's number is stable: a retired one keeps its place.
//!
//! The page is a [`CountersHeader`] followed by one little-endian `u64` per [`Counter`]. Each
//! counter has one writing thread; readers see each value whole but not all of one moment.

use crate::layout::{wire_code, wire_struct};

/// First eight bytes of a counters page: `CLCNTRS1`.
pub const COUNTERS_MAGIC: u64 = u64::from_le_bytes(*b"CLCNTRS1");

wire_struct! {
    /// Head of the counters page.
    CountersHeader, size = 64 {
        /// `CLCNTRS1`.
        magic: u64,
        /// Process id of the engine.
        pid: u64,
        /// Start of the session, wall clock, nanoseconds since the UNIX epoch.
        start_ns: u64,
        /// Counters that follow.
        count: u32,
        /// Wire version.
        wire_version: u32,
        /// Zero.
        reserved: [u8; 32],
    }
}

wire_code! {
    /// Every counter of the station. Written by the thread its name begins with.
    Counter: u16 {
        /// Inputs the loop took.
        LoopInputs = 0, "loop.inputs";
        /// Turns of the loop, idle ones included.
        LoopTurns = 1, "loop.turns";
        /// Longest turn, cycles of the loop's counter.
        LoopTurnCyclesMax = 2, "loop.turn_cycles_max";
        /// Turns longer than the stall threshold.
        LoopStalls = 3, "loop.stalls";
        /// Market events among the inputs.
        LoopMarketEvents = 4, "loop.market_events";
        /// New orders approved.
        LoopOrders = 5, "loop.orders";
        /// Orders denied by the gate.
        LoopDenied = 6, "loop.denied";
        /// Fills.
        LoopFills = 7, "loop.fills";
        /// Cancels sent.
        LoopCancels = 8, "loop.cancels";
        /// Rejects of the venue.
        LoopRejects = 9, "loop.rejects";
        /// Signal requests made.
        LoopSignalRequests = 10, "loop.signal_requests";
        /// Signal answers taken.
        LoopSignalAnswers = 11, "loop.signal_answers";
        /// Signal answers too old when they came.
        LoopSignalStale = 12, "loop.signal_stale";
        /// Turns that could not run because an output ring lacked room.
        LoopBackPressure = 13, "loop.back_pressure";
        /// Mode, its wire code.
        LoopMode = 14, "loop.mode";
        /// Engine time of the last input, nanoseconds since the UNIX epoch.
        LoopEngineTime = 15, "loop.engine_time_ns";
        /// Alarms raised.
        LoopAlarms = 16, "loop.alarms";
        /// Amendments sent.
        LoopReplaces = 17, "loop.replaces";
        /// Orders that are not done.
        LoopOpenOrders = 18, "loop.open_orders";
        /// Orders whose state is unknown.
        LoopUnknownOrders = 19, "loop.unknown_orders";
        /// Market events the edge pushed.
        EdgeEvents = 20, "edge.events";
        /// Orders the edge sent to the venue.
        EdgeOrders = 21, "edge.orders";
        /// Times the market ring was full.
        EdgeRingFull = 22, "edge.ring_full";
        /// Market events in the recording.
        EdgeEventsTotal = 23, "edge.events_total";
        /// Order frames refused because their approval was not the next.
        EdgeUnapproved = 24, "edge.unapproved";
        /// Execution reports delivered.
        EdgeReports = 25, "edge.reports";
        /// Signal requests overwritten before the bridge took them.
        BridgeSignalOverwritten = 30, "bridge.signal_overwritten";
        /// Signal requests sent.
        BridgeSignalSent = 31, "bridge.signal_sent";
        /// Signal requests dropped: socket full or no sidecar.
        BridgeSignalDropped = 32, "bridge.signal_dropped";
        /// Frames of sidecars refused by the bridge.
        BridgeRefused = 33, "bridge.refused";
        /// Connections made to the signal sidecar.
        BridgeSignalConnects = 34, "bridge.signal_connects";
        /// 1 while the signal sidecar is connected.
        BridgeSignalUp = 35, "bridge.signal_up";
        /// Control commands taken.
        BridgeCommands = 36, "bridge.commands";
        /// Signal answers received.
        BridgeSignalReceived = 37, "bridge.signal_received";
        /// Signal requests the sidecar dropped because their deadline had passed.
        BridgeSignalExpired = 38, "bridge.signal_expired";
        /// Signal requests the sidecar dropped because newer ones waited.
        BridgeSignalShed = 39, "bridge.signal_shed";
        /// Frames written to the record.
        RecorderFrames = 40, "recorder.frames";
        /// Bytes written to the record.
        RecorderBytes = 41, "recorder.bytes";
        /// Instruments with a position.
        LoopPositions = 42, "loop.positions";
        /// Worst-case gross exposure, billionths of the base currency.
        LoopGross = 43, "loop.gross_e9";
        /// Epoch of the limits that run.
        LoopLimitsEpoch = 44, "loop.limits_epoch";
        /// Limit changes the engine took, each value of a limits file counted.
        LoopLimitChanges = 45, "loop.limit_changes";
        /// Last frame on the tape: its number in the session, from 1.
        TapeFrame = 46, "tape.frame";
        /// How full the tape is, thousandths.
        TapeFill = 47, "tape.fill_e3";
        /// 1 when the session ended.
        Done = 48, "done";
        /// Last frame written to the journal: it survives the death of the process.
        JournalWritten = 49, "journal.written_frame";
        /// Last frame synced to the disk: it survives a loss of power.
        JournalSynced = 50, "journal.synced_frame";
        /// Batches synced.
        JournalSyncs = 51, "journal.syncs";
        /// Longest sync, nanoseconds.
        JournalSyncMax = 52, "journal.sync_ns_max";
        /// Segment being written.
        JournalSegment = 53, "journal.segment";
        /// 1 since a write or a sync failed.
        JournalFailed = 54, "journal.failed";
        /// Signal requests whose deadline had passed before they were sent.
        BridgeSignalLate = 55, "bridge.signal_late";
        /// 1 while requests and answers go through shared memory.
        BridgeSignalShared = 56, "bridge.signal_shared";
        /// Times the sidecar broke the rules of the shared memory, and was disconnected.
        BridgeSignalFaults = 57, "bridge.signal_faults";
        /// Signal answers refused because they name another model or generation than announced.
        BridgeSignalWrongModel = 59, "bridge.signal_wrong_model";
        /// Signal answers refused because no open request is theirs.
        BridgeSignalUnasked = 60, "bridge.signal_unasked";
        /// Changes of the model that sidecars announced and the bridge took.
        BridgeModelChanges = 61, "bridge.model_changes";
        /// Changes of the model that were refused: the generation did not rise, or it is not allowed.
        BridgeModelRefused = 62, "bridge.model_refused";
        /// 1 while the standby sidecar is connected with the model in effect.
        BridgeStandbyReady = 64, "bridge.standby_ready";
        /// 1 while the standby sidecar is the one that answers.
        BridgeStandbyServes = 65, "bridge.standby_serves";
        /// Signal requests sent to the standby sidecar, those asked again included.
        BridgeStandbySent = 66, "bridge.standby_sent";
        /// Answers of the standby sidecar handed to the loop.
        BridgeStandbyReceived = 67, "bridge.standby_received";
        /// Times the signal sidecar was left for the standby.
        BridgeFailovers = 68, "bridge.failovers";
        /// Times the signal sidecar was taken back.
        BridgeFailbacks = 69, "bridge.failbacks";
    }
}

/// Slots in the page; free numbers stay zero.
pub const COUNTER_SLOTS: usize = 80;
