//! `corelane export --format=parquet`: the rows of the CSV, typed; and one clear line where the build
//! has none.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot go on has failed")]

use clap::Parser;
use corelane_tools::cli::ExportArgs;
use corelane_tools::export::export;
use std::path::Path;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ExportArgs,
}

fn run(dir: &Path, format: &str) -> Result<(), station::operator::Failure> {
    let words = [
        "export".to_owned(),
        dir.display().to_string(),
        "--what=orders,fills,bbo,scores,alarms,kills,modes".to_owned(),
        format!("--format={format}"),
        format!("--out={}", dir.display()),
    ];
    export(&Line::try_parse_from(words).unwrap().args)
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_it_says_how_to_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let failure = run(dir.path(), "parquet").unwrap_err();
    assert_eq!(failure.exit, wire::exit::Exit::Arguments);
    assert!(failure.to_string().contains("--features parquet"), "{failure}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[cfg(feature = "parquet")]
mod with_it {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use station::backtest::{Options, backtest};
    use station::config::{Config, Overrides};
    use tape::journal::{Folder, JournalWriter, Moment};

    /// A record with everything in it: the strategies of the bundled configuration in event time.
    fn record(dir: &Path) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let config =
            Config::load(&root.join("config/strategies.toml"), &Overrides::default()).unwrap();
        let rows = tape::read_all(&config.data.recording).unwrap();
        let path = dir.join("journal");
        let folder = Folder::open(&path).unwrap();
        let made = tape::journal::Options { instance: [1; 16], epoch: 1, segment_bytes: 16 << 20 };
        let at = Moment::default();
        let mut writer = JournalWriter::create(folder, &path, made, "{}", at).unwrap();
        for row in rows.instruments() {
            writer.push(bytemuck::bytes_of(row), at).unwrap();
        }
        let mut observer = |frame: &[u8]| writer.push(frame, at).unwrap();
        let options = Options { observer: Some(&mut observer), ..Options::default() };
        backtest(&config, options).unwrap();
        writer.finish(at).unwrap();
    }

    /// A cell as the CSV has it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "another type fails the test")]
    fn text(field: &Field) -> String {
        match field {
            Field::Null => String::new(),
            Field::ULong(number) => number.to_string(),
            Field::Long(number) => number.to_string(),
            Field::Str(text) => text.clone(),
            Field::Decimal(decimal) => {
                let bytes: [u8; 16] = decimal.data().try_into().unwrap();
                assert_eq!(decimal.scale(), 9);
                i128::from_be_bytes(bytes).to_string()
            }
            other => panic!("{other:?}"),
        }
    }

    /// A cell of the CSV, a decimal in billionths.
    fn expected(cell: &str, is_decimal: bool) -> String {
        if cell.is_empty() || !is_decimal {
            return cell.to_owned();
        }
        let (whole, places) = cell.split_once('.').unwrap_or((cell, ""));
        format!("{whole}{places:0<9}").parse::<i128>().unwrap().to_string()
    }

    #[test]
    fn every_table_reads_back_as_the_csv() {
        let dir = tempfile::tempdir().unwrap();
        record(dir.path());
        run(dir.path(), "csv").unwrap();
        run(dir.path(), "parquet").unwrap();
        let mut rows_of = std::collections::BTreeMap::new();
        for name in ["orders", "fills", "bbo", "scores", "alarms", "kills", "modes"] {
            let csv = std::fs::read_to_string(dir.path().join(format!("{name}.csv"))).unwrap();
            let mut lines = csv.lines();
            let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
            let file = std::fs::File::open(dir.path().join(format!("{name}.parquet"))).unwrap();
            let reader = SerializedFileReader::new(file).unwrap();
            let mut count = 0;
            for (line, row) in lines.by_ref().zip(reader.get_row_iter(None).unwrap()) {
                let row = row.unwrap();
                let fields: Vec<_> = row.get_column_iter().collect();
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, columns);
                for ((cell, (_, field)), column) in line.split(',').zip(&fields).zip(&columns) {
                    let is_decimal = matches!(field, Field::Decimal(_));
                    assert_eq!(text(field), expected(cell, is_decimal), "{name}.{column}: {line}");
                }
                count += 1;
            }
            let written = reader.metadata().file_metadata().num_rows();
            assert_eq!(i64::from(count), written, "{name}");
            assert_eq!(csv.lines().count() - 1, usize::try_from(count).unwrap(), "{name}");
            rows_of.insert(name, count);
        }
        for name in ["orders", "fills", "bbo", "modes"] {
            assert!(rows_of[name] > 0, "{rows_of:?}");
        }
    }
}
