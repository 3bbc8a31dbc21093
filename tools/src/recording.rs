//! Opening recordings for the commands: what a command needs of one, and its failures as operator
//! lines.

use station::operator::Failure;
use std::path::Path;
use tape::{Recording, TapeError, recover};
use wire::InstrumentId;
use wire::instrument::Instrument;

/// A tape error as the operator reads it.
#[must_use]
pub fn tape_failure(error: &TapeError) -> Failure {
    Failure::new(error.exit(), error.to_string(), "", "")
}

/// Reads what is good of a recording, and says on standard error what is not.
///
/// # Errors
/// Where not even the header can be read. The second value is the fault of a damaged file: its
/// good part is there, and the command ends with the fault's exit code after using it.
pub fn open(path: &Path) -> Result<(Recording, Option<Failure>), Failure> {
    let (recording, fault) = recover(path).map_err(|e| tape_failure(&e))?;
    Ok((recording, fault.map(|e| tape_failure(&e))))
}

/// The instrument with this symbol, or the only one where none is named.
///
/// # Errors
/// ARGUMENTS naming the symbol and what the recording has.
pub fn instrument<'a>(
    recording: &'a Recording,
    symbol: Option<&str>,
) -> Result<(InstrumentId, &'a Instrument), Failure> {
    let rows = recording.instruments();
    let found = match symbol {
        Some(symbol) => rows.iter().find(|row| row.symbol() == symbol),
        None if rows.len() == 1 => rows.first(),
        None => None,
    };
    found.map(|row| (row.header.instrument_id, row)).ok_or_else(|| {
        let known: Vec<&str> = rows.iter().map(Instrument::symbol).collect();
        Failure::new(
            wire::exit::Exit::Arguments,
            "instrument not in the recording",
            format!(
                "instrument={} recording={} known={}",
                symbol.unwrap_or("(none named)"),
                recording.path.display(),
                known.join(",")
            ),
            "name one of the known instruments with --instrument",
        )
    })
}

/// The outcome of a command that used the good part of a damaged file.
///
/// # Errors
/// The fault.
pub fn settle(fault: Option<Failure>) -> Result<(), Failure> {
    fault.map_or(Ok(()), Err)
}
