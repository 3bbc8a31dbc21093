//! Exit codes are a contract with systemd units and scripts: numbers and names never change.

use corelane_wire::exit::Exit;

#[test]
fn numbers_and_names_are_stable() {
    let stable = [
        (0, "OK"),
        (101, "BUG"),
        (10, "ARGUMENTS"),
        (11, "CONFIGURATION"),
        (12, "HOST"),
        (13, "WIRE_VERSION"),
        (14, "RESOURCE"),
        (15, "JOURNAL"),
        (16, "TAPE_FULL"),
        (20, "KILLED"),
        (21, "VENUE_LOST"),
        (23, "CLOCK"),
        (30, "DIVERGED"),
        (31, "CHECK_FAILED"),
    ];
    for (code, name) in stable {
        let exit = Exit::from_code(code).expect("an exit code was taken away");
        assert_eq!((i32::from(exit.code()), exit.name()), (code, name));
    }
    assert_eq!(Exit::ALL.len(), stable.len(), "add the new code to the list above");
}

#[test]
fn codes_go_there_and_back_and_no_other_is_known() {
    for exit in Exit::ALL {
        assert_eq!(Exit::from_code(exit.code().into()), Some(exit));
        let data = Exit::CODES.values.iter().find(|value| value.text == exit.name()).unwrap();
        assert_eq!(data.code, u64::from(exit.code()));
    }
    for code in (-300..300).filter(|code| !Exit::ALL.iter().any(|e| i32::from(e.code()) == *code)) {
        assert_eq!(Exit::from_code(code), None, "{code}");
    }
}
