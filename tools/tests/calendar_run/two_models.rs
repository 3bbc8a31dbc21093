//! A store with two models of different names and numbers, and a role that one of them serves in.

use serde_json::json;
use signal::store::{Address, Bundle, Keeper};
use std::fs;
use std::path::{Path, PathBuf};

/// The role.
pub(crate) const ROLE: &str = "signal";

/// The repository's `sidecars/signal`.
fn sidecar() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sidecars/signal")
}

fn keeper(root: &Path) -> Keeper {
    Keeper::open(root, None).unwrap()
}

/// Adds a folder under a name of its own, with a change of its manifest.
fn add(root: &Path, source: &Path, change: impl Fn(&mut serde_json::Value)) -> Address {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(source.join("model.onnx")).unwrap();
    let text = fs::read(source.join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    change(&mut manifest);
    manifest["format"] = 2.into();
    manifest["files"] = json!([{
        "name": "model.onnx", "bytes": bytes.len(), "sha256": manifest["sha256"],
    }]);
    fs::write(folder.path().join("model.onnx"), &bytes).unwrap();
    fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    let bundle = Bundle::open(folder.path(), None).unwrap();
    let address = keeper(root).add(&bundle).unwrap();
    keeper(root).promote(address).unwrap();
    address
}

/// `bin_ctabl`, serving in the role, and `small`, each current under its own name.
pub(crate) fn make(root: &Path) -> (Address, Address) {
    let bundled = add(root, &sidecar().join("models/bin_ctabl"), |_| ());
    let small = add(root, &sidecar().join("tests/fixtures/good"), |manifest| {
        manifest["name"] = "small".into();
        manifest["operators"] = json!(["Add", "Clip", "Div", "Flatten", "MatMul", "Softmax"]);
        manifest["training_data"] = "tests".into();
    });
    keeper(root).promote_as(ROLE, bundled).unwrap();
    (bundled, small)
}

/// One more, which no sidecar that runs takes: it wants requests at another interval.
#[allow(dead_code, reason = "each test uses its part")]
pub(crate) fn add_slow(root: &Path) -> Address {
    add(root, &sidecar().join("models/bin_ctabl"), |manifest| {
        manifest["name"] = "slow".into();
        manifest["sample_interval_ns"] = 50_000_000.into();
    })
}
