//! The socket file: where it may stand, what it replaces, what it leaves behind.

use corelane_ipc::{IpcError, Listener, PeerPolicy, connect};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn bind(path: &Path) -> Result<Listener, IpcError> {
    Listener::bind(path, PeerPolicy::same_user())
}

#[test]
fn the_file_is_private_and_goes_with_its_listener() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new").join("s.sock");
    let listener = bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(listener.path(), path);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_directory_others_may_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o720, 0o702, 0o777] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let error = bind(&dir.path().join("s.sock")).unwrap_err();
        assert!(matches!(error, IpcError::NotPrivate { mode: m, .. } if m == mode), "{error}");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).unwrap();
    bind(&dir.path().join("s.sock")).unwrap();
}

#[test]
fn a_stale_socket_is_replaced_a_living_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let living = bind(&path).unwrap();
    assert!(matches!(bind(&path).unwrap_err(), IpcError::InUse { .. }));
    connect(&path, &PeerPolicy::same_user()).unwrap();

    // What a killed process leaves: the file without its listener.
    let kept = dir.path().join("kept.sock");
    fs::hard_link(&path, &kept).unwrap();
    drop(living);
    fs::rename(&kept, &path).unwrap();
    let error = connect(&path, &PeerPolicy::same_user()).unwrap_err();
    assert!(matches!(error, IpcError::NobodyListens { .. }));
    assert!(error.is_transient());
    let again = bind(&path).unwrap();
    connect(&path, &PeerPolicy::same_user()).unwrap();
    drop(again);
}

#[test]
fn a_listener_does_not_remove_its_successors_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let first = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let second = bind(&path).unwrap();
    drop(first);
    connect(&path, &PeerPolicy::same_user()).unwrap();
    drop(second);
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("precious");
    fs::write(&path, "data").unwrap();
    assert!(matches!(bind(&path).unwrap_err(), IpcError::NotASocket { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");
}

#[test]
fn the_longest_path_fits_and_one_more_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let room = 107 - dir.path().as_os_str().len() - 1;
    let fits = dir.path().join("x".repeat(room));
    bind(&fits).unwrap();
    let long = dir.path().join("x".repeat(room + 1));
    for error in [bind(&long).unwrap_err(), connect(&long, &PeerPolicy::same_user()).unwrap_err()] {
        assert!(matches!(error, IpcError::PathTooLong { len: 108, max: 107, .. }), "{error}");
    }
}

#[test]
fn a_path_nobody_has_made_yet_is_transient() {
    let dir = tempfile::tempdir().unwrap();
    let error = connect(&dir.path().join("s.sock"), &PeerPolicy::same_user()).unwrap_err();
    assert!(error.is_transient(), "{error}");
}
