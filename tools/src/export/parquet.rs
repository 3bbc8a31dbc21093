//! The tables as Parquet files: the same rows as the CSV, typed.
//!
//! Owns: which column is of which type, and the file. Counts, ids and times are 64-bit integers,
//! prices, quantities and money exact decimals of nine places, the rest text; an empty cell is
//! null. Must never: put a number through a float. Built only with the feature `parquet`; allocates.

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Rows of a group: what is held in memory.
const GROUP: usize = 1 << 16;
/// Decimal places of a decimal column.
const PLACES: usize = 9;

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Decimal,
    Text,
}

/// The type of the column of this name, the same in every table.
fn kind_of(column: &str) -> Kind {
    match column {
        "seq" | "ts_ns" | "ts_event_ns" | "strategy" | "venue" | "cl_ord_id" | "exec_id"
        | "request_id" | "infer_ns" | "working" | "unknown" | "cancels" | "positions" => {
            Kind::Unsigned
        }
        "limit" | "actual" => Kind::Signed,
        "price" | "qty" | "fee" | "bid_price" | "bid_qty" | "ask_price" | "ask_qty" | "score"
        | "p_up" | "p_down" | "residual" => Kind::Decimal,
        _ => Kind::Text,
    }
}

/// A table being written.
pub(super) struct Table {
    writer: SerializedFileWriter<File>,
    kinds: Vec<Kind>,
    /// Cells of the rows not written yet, by column.
    cells: Vec<Vec<String>>,
}

impl Table {
    /// Creates the file for a table of these columns, as the CSV's first line names them.
    pub(super) fn create(path: &Path, columns: &str) -> Result<Self> {
        let names: Vec<&str> = columns.split(',').collect();
        let kinds: Vec<Kind> = names.iter().map(|name| kind_of(name)).collect();
        let field = |(name, kind): (&&str, &Kind)| match kind {
            Kind::Unsigned => format!("OPTIONAL INT64 {name} (INTEGER(64,false));"),
            Kind::Signed => format!("OPTIONAL INT64 {name} (INTEGER(64,true));"),
            Kind::Decimal => {
                format!("OPTIONAL FIXED_LEN_BYTE_ARRAY (16) {name} (DECIMAL(38,{PLACES}));")
            }
            Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
        };
        let fields: String = names.iter().zip(&kinds).map(field).collect();
        let schema = parse_message_type(&format!("message table {{ {fields} }}"))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("corelane".to_owned())
            .build();
        let writer =
            SerializedFileWriter::new(File::create(path)?, Arc::new(schema), Arc::new(properties))?;
        let cells = vec![Vec::new(); kinds.len()];
        Ok(Self { writer, kinds, cells })
    }

    /// Takes a row as the CSV has it.
    pub(super) fn row(&mut self, line: &str) -> Result<()> {
        let cells: Vec<&str> = line.split(',').collect();
        if cells.len() != self.cells.len() {
            let what = format!("row `{line}` has not {} columns", self.cells.len());
            return Err(ParquetError::General(what));
        }
        for (column, cell) in self.cells.iter_mut().zip(cells) {
            column.push(cell.to_owned());
        }
        if self.cells.first().is_some_and(|column| column.len() == GROUP) {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is left and ends the file.
    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.writer.close().map(|_| ())
    }

    fn flush(&mut self) -> Result<()> {
        if self.cells.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (kind, cells) in self.kinds.iter().zip(&mut self.cells) {
            let Some(mut column) = group.next_column()? else { break };
            write(column.untyped(), *kind, &std::mem::take(cells))?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }
}

/// Writes one column of a group; empty cells are null.
#[expect(clippy::wildcard_enum_match_arm, reason = "the schema asks for three types only")]
fn write(column: &mut ColumnWriter<'_>, kind: Kind, cells: &[String]) -> Result<()> {
    let there: Vec<i16> = cells.iter().map(|cell| i16::from(!cell.is_empty())).collect();
    let filled = || cells.iter().filter(|cell| !cell.is_empty());
    let there = Some(there.as_slice());
    match column {
        ColumnWriter::Int64ColumnWriter(column) => {
            let number = |cell: &String| match kind {
                Kind::Unsigned => cell.parse::<u64>().map(u64::cast_signed),
                Kind::Signed | Kind::Decimal | Kind::Text => cell.parse::<i64>(),
            };
            let values: std::result::Result<Vec<i64>, _> = filled().map(number).collect();
            let values = values.map_err(|why| ParquetError::External(why.into()))?;
            column.write_batch(&values, there, None)?;
        }
        ColumnWriter::FixedLenByteArrayColumnWriter(column) => {
            let decimal = |cell: &String| {
                let bytes = decimal(cell).map(|value| value.to_be_bytes().to_vec());
                bytes.map(|bytes| FixedLenByteArray::from(ByteArray::from(bytes)))
            };
            let values: Option<Vec<FixedLenByteArray>> = filled().map(decimal).collect();
            let wrong = || ParquetError::General("a cell is no decimal of nine places".to_owned());
            column.write_batch(&values.ok_or_else(wrong)?, there, None)?;
        }
        ColumnWriter::ByteArrayColumnWriter(column) => {
            let values: Vec<ByteArray> = filled().map(|cell| cell.as_str().into()).collect();
            column.write_batch(&values, there, None)?;
        }
        _ => return Err(ParquetError::General("a column is of a type not asked for".to_owned())),
    }
    Ok(())
}

/// Decimal text in billionths, exactly; `None` where it has more than nine places or is none.
fn decimal(text: &str) -> Option<i128> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = places.len() <= PLACES && places.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| format!("{whole}{places:0<PLACES$}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal("61804.8"), Some(61_804_800_000_000));
        assert_eq!(decimal("-0.000000001"), Some(-1));
        assert_eq!(decimal("-0.5"), Some(-500_000_000));
        assert_eq!(decimal("7"), Some(7_000_000_000));
        assert_eq!(decimal("99999999999999999999"), Some(99_999_999_999_999_999_999_000_000_000));
        for bad in ["", "1.0000000001", "1e9", "1.-5", "x"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }
}
