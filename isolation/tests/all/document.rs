//! HOST.md and the table say the same.

use crate::forms::same;
use corelane_isolation::{Exit, Status, document};
use std::fs;
use std::path::Path;

#[test]
fn host_md_has_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("HOST.md");
    let text = fs::read_to_string(path).expect("HOST.md");
    let (start, end) = ("<!-- checks -->\n", "<!-- end of checks -->\n");
    let (head, rest) = text.split_once(start).expect("where the table starts");
    let (_, tail) = rest.split_once(end).expect("where it ends");
    let wanted = format!("{head}{start}\n{}\n{end}{tail}", document());
    same("../../HOST.md", &wanted).expect("HOST.md holds the table");
    for status in Status::ALL {
        assert!(head.contains(&format!("| {} |", status.name())), "{status:?} is explained");
    }
    for exit in [Exit::Good, Exit::Warnings, Exit::Failures, Exit::Unjudged] {
        assert!(head.contains(&format!("| {} | doctor |", exit.code())), "{exit:?} is explained");
    }
}
