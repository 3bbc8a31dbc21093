//! Percentile text as Java and we write it, and damaged.

use super::*;

/// As Java writes it, in milliseconds.
const JAVA: &str = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n       \
    0.900 0.000000000000        265           1.00\n       \
    0.979 0.200000000000      20020           1.25\n       \
    1.100 0.990625000000      99100         106.67\n      \
    48.031 1.000000000000     100001\n\
    #[Mean    =        1.100, StdDeviation   =        0.188]\n\
    #[Max     =       48.031, Total count    =       100001]\n\
    #[Buckets =           24, SubBuckets     =         2048]\n";

#[test]
fn text_of_java_is_read_in_its_unit() {
    let counts = parse(JAVA, Unit::Ms).expect("percentile text");
    assert_eq!(counts.total(), 100_001);
    assert_eq!(counts.quantile(2), Some(Cells::NS.around(1_100_000).1));
    assert_eq!(counts.max(), Some(Cells::NS.around(48_031_000).1));
    let counts = parse(JAVA, Unit::Us).expect("percentile text");
    assert_eq!(counts.max(), Some(Cells::NS.around(48_031).1));
}

#[test]
fn what_we_write_is_read_with_the_same_quantiles() {
    let mut counts = Counts::new(Cells::NS);
    for value in 1..=200_000_u64 {
        counts.add(value * value % 7_919 + 400, 1).expect("few");
    }
    let written = text(&counts).expect("text");
    let read = parse(&written, Unit::Ns).expect("ours");
    assert_eq!((read.total(), read.max()), (counts.total(), counts.max()));
    // Rows stand at 50, 75, 87.5 per cent and so on; these two quantiles lie at rows.
    assert_eq!(read.quantile(2), counts.quantile(2));
    assert_eq!(read.quantile(4), counts.quantile(4));
    for one_in in [10, 100, 1_000, 10_000] {
        assert!(read.quantile(one_in) >= counts.quantile(one_in), "an upper bound");
    }
    let empty = text(&Counts::new(Cells::NS)).expect("text");
    assert_eq!(parse(&empty, Unit::Ns).expect("empty").total(), 0);
}

#[test]
fn damage_is_named() {
    for (from, to, what) in [
        ("Percentile", "Quantile", "the head is not that of percentile text"),
        ("20020", "2x020", "count"),
        ("20020", "020", "a row below the one before"),
        ("0.979", "0.79", "a row below the one before"),
        ("1.25", "1.35", "1/(1-percentile) does not fit the percentile"),
        ("0.200000000000", "1.200000000000", "percentile"),
        ("1.000000000000", "0.999000000000", "a fourth field too few or too many"),
        ("99100 ", "99100", "1/(1-percentile) does not fit the percentile"),
        ("=       100001", "=       100002", "rows and total count differ: rows are missing"),
        ("=       48.031", "=       49.031", "last row and maximum differ"),
        ("#[Max ", "#[Min ", "a foot of another form"),
        (
            "#[Buckets =           24, SubBuckets     =         2048]\n",
            "",
            "the foot is missing: \
          the file is cut",
        ),
    ] {
        let text = JAVA.replacen(from, to, 1);
        assert_ne!(text, JAVA, "{from:?}");
        let found = parse(&text, Unit::Ms);
        if from == "99100 " {
            // One space less between two fields changes nothing.
            assert!(found.is_ok());
            continue;
        }
        assert_eq!(found.expect_err(to).what, what, "{from:?} to {to:?}");
    }
    for end in 0..JAVA.len() {
        assert!(parse(&JAVA[..end], Unit::Ms).is_err(), "cut at byte {end}");
    }
}

/// A changed byte is an error or changes what the file then says in that place, never its total.
#[test]
fn no_byte_breaks_it() {
    for at in 0..JAVA.len() {
        for other in [b'0', b'9', b'x', b'.', b' ', b'\n', b'#'] {
            let mut bytes = JAVA.as_bytes().to_vec();
            bytes[at] = other;
            let text = String::from_utf8(bytes).expect("ascii");
            if let Ok(counts) = parse(&text, Unit::Ms) {
                assert_eq!(counts.total(), 100_001, "byte {at} as {other}");
            }
        }
    }
}
