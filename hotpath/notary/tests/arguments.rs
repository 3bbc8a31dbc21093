//! The notary's command line. What it does beside a journal is in `tests/tests/all/notary.rs`,
//! which starts the program that building this test also builds.

use std::process::{Command, Output};
use wire::exit::Exit;

fn notary(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelane-notary"));
    command.args(args).env_remove("CREDENTIALS_DIRECTORY").output().expect("it starts")
}

fn ends(args: &[&str], exit: Exit) -> String {
    let output = notary(args);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(i32::from(exit.code())), "{args:?}: {said}");
    said
}

#[test]
fn help_is_an_answer_and_what_is_not_understood_is_not() {
    for option in ["--run-dir", "--key", "--anchor", "--every-ms", "--every-records", "--once"] {
        assert!(ends(&["--help"], Exit::Clean).contains(option));
    }
    assert!(ends(&["--version"], Exit::Clean).starts_with("corelane-notary "));
    ends(&[], Exit::Arguments);
    ends(&["--run-dir=.", "--every-ms=0"], Exit::Arguments);
    ends(&["--run-dir=.", "--every-records=0"], Exit::Arguments);
    ends(&["--run-dir=.", "--frobnicate"], Exit::Arguments);
}
