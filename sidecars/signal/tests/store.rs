//! The model store on a real disk: what it takes, what it refuses by name, what a crash leaves.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]

#[path = "store/make.rs"]
mod make;

use corelane_signal::store::{
    Address, Bundle, Keeper, MANIFEST, PublicKey, SIGNATURE, Store, message,
};
use corelane_signal::{BackendChoice, ModelError, RuntimeOptions, model::Model, runtime};
use ed25519_dalek::{Signer, SigningKey};
use make::{Draft, hex, repository};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A store with the good model in it.
struct World {
    dir: TempDir,
    address: Address,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        Draft::named("good", "scores").write(&source);
        let keeper = Keeper::open(&dir.path().join("store"), None).unwrap();
        let address = keeper.add(&Bundle::open(&source, None).unwrap()).unwrap();
        Self { dir, address }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn object(&self) -> PathBuf {
        self.root().join("objects").join(self.address.to_string())
    }

    fn store(&self) -> Store {
        Store::open(&self.root(), None).unwrap()
    }

    fn keeper(&self) -> Keeper {
        Keeper::open(&self.root(), None).unwrap()
    }

    /// Adds another model of the same name.
    fn another(&self, mark: &str) -> Address {
        let source = self.dir.path().join(mark);
        Draft::named("good", "scores").marked(mark).write(&source);
        self.keeper().add(&Bundle::open(&source, None).unwrap()).unwrap()
    }

    /// The object cannot be read, and the reason has these words.
    fn refused(&self, parts: &[&str]) {
        let error = self.store().object(self.address).map(load).unwrap_err();
        says(&error, parts);
    }
}

fn says(error: &ModelError, parts: &[&str]) {
    let line = error.operator_line();
    assert!(!line.contains('\n') && line.contains("; next: "), "{line}");
    for part in parts {
        assert!(line.contains(part), "`{part}` in: {line}");
    }
}

fn load(bundle: Bundle) -> Result<Model, ModelError> {
    let options = RuntimeOptions { choice: BackendChoice::Tract, dylib: None, engine_cache: None };
    Model::of(bundle, runtime::start(&options).unwrap())
}

/// Loads a folder in format 2 made of a draft.
fn load_draft(draft: Draft) -> Result<Model, ModelError> {
    let dir = tempfile::tempdir().unwrap();
    draft.write(dir.path());
    Bundle::open(dir.path(), None).and_then(load)
}

#[test]
fn a_model_goes_in_and_comes_out_as_it_was() {
    let world = World::new();
    let bundle = world.store().object(world.address).unwrap();
    assert_eq!(bundle.manifest.name, "scores");
    assert_eq!(bundle.address.to_string(), hex(bundle.manifest_bytes()));
    let model = load(bundle).unwrap();
    assert_eq!(model.address(), world.address);
    assert_eq!(world.store().objects().unwrap(), [world.address]);
    // Once more is nothing new.
    let source = world.dir.path().join("source");
    let again = world.keeper().add(&Bundle::open(&source, None).unwrap()).unwrap();
    assert_eq!((again, world.store().objects().unwrap().len()), (world.address, 1));
    let start = world.address.to_string()[..9].to_owned();
    assert_eq!(world.store().find(&start).unwrap(), world.address);
    says(&world.store().find("").unwrap_err(), &["no such model"]);
    says(&world.store().find("zz").unwrap_err(), &["no such model", "zz"]);
}

#[test]
fn the_bundled_model_is_of_the_second_format_and_goes_in() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = Keeper::open(&dir.path().join("store"), None).unwrap();
    let bundle = Bundle::open(&repository("bin_ctabl"), None).unwrap();
    assert!(!bundle.manifest.training_data.is_empty());
    let address = keeper.add(&bundle).unwrap();
    load(keeper.store().object(address).unwrap()).unwrap();
}

#[test]
fn another_listed_file_of_a_model_may_be_the_one_that_computes() {
    let dir = tempfile::tempdir().unwrap();
    Draft::named("good", "scores").write(dir.path());
    let other = b"for another back end".as_slice();
    fs::write(dir.path().join("model.pt"), other).unwrap();
    let manifest = fs::read(dir.path().join(MANIFEST)).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let listed = serde_json::json!({
        "name": "model.pt", "bytes": other.len(), "sha256": hex(other),
    });
    manifest["files"].as_array_mut().unwrap().push(listed);
    fs::write(dir.path().join(MANIFEST), manifest.to_string()).unwrap();
    let bundle = Bundle::open(dir.path(), None).unwrap();
    let chosen = bundle.clone().choosing("model.pt").unwrap();
    assert_eq!(chosen.address, bundle.address, "the same model");
    assert_eq!((&*chosen.manifest.file, chosen.manifest.sha256), ("model.pt", hex(other)));
    assert_eq!(chosen.path.file_name().unwrap(), "model.pt");
    says(&bundle.clone().choosing("model.bin").unwrap_err(), &["`model.bin` is not listed"]);
    load(bundle.choosing("model.onnx").unwrap()).unwrap();
    fs::write(dir.path().join("model.pt"), b"for another back ENd").unwrap();
    says(&Bundle::open(dir.path(), None).unwrap_err(), &["model.pt", "not the one its manifest"]);
}

#[test]
fn a_manifest_of_the_first_format_loads_from_a_folder_and_is_not_added() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = Bundle::open(&repository("good"), None).unwrap();
    assert_eq!(bundle.manifest.format, 1);
    let keeper = Keeper::open(&dir.path().join("store"), None).unwrap();
    says(&keeper.add(&bundle).unwrap_err(), &["format the store does not take", "format=1"]);
    load(bundle).unwrap();
}

#[test]
fn promote_and_rollback_move_two_links() {
    let world = World::new();
    let (first, second) = (world.address, world.another("b"));
    says(&world.store().current("scores").unwrap_err(), &["no such model", "scores"]);
    let keeper = world.keeper();
    let (name, moved) = keeper.promote(first).unwrap();
    assert_eq!((name.as_str(), moved.from, moved.to), ("scores", None, first));
    says(&keeper.rollback("scores").unwrap_err(), &["no such model", "scores/previous"]);
    let (_, moved) = keeper.promote(second).unwrap();
    assert_eq!((moved.from, moved.to), (Some(first), second));
    assert_eq!(keeper.store().current("scores").unwrap(), second);
    // The same again loses nothing.
    keeper.promote(second).unwrap();
    assert_eq!(keeper.store().previous("scores").unwrap(), Some(first));
    let moved = keeper.rollback("scores").unwrap();
    assert_eq!((moved.from, moved.to), (Some(second), first));
    assert_eq!(keeper.store().current("scores").unwrap(), first);
    keeper.rollback("scores").unwrap();
    assert_eq!(keeper.store().current("scores").unwrap(), second);
    keeper.restore("scores", Some(first), None).unwrap();
    let names = keeper.store().names().unwrap();
    assert_eq!((names[0].current, names[0].previous), (Some(first), None));
}

#[test]
fn two_commands_do_not_change_a_store_at_once() {
    let world = World::new();
    let _held = world.keeper();
    says(&Keeper::open(&world.root(), None).unwrap_err(), &["another command works on the store"]);
}

#[test]
fn what_a_cut_off_command_left_is_no_object_and_in_nobodys_way() {
    let world = World::new();
    let objects = world.root().join("objects");
    let second = world.another("b");
    let aside = objects.join(format!(".new-{second}"));
    // As a crash before the rename leaves it.
    fs::rename(objects.join(second.to_string()), &aside).unwrap();
    fs::remove_file(aside.join("model.onnx")).unwrap();
    assert_eq!(world.store().objects().unwrap(), [world.address]);
    let keeper = world.keeper();
    let bundle = Bundle::open(&world.dir.path().join("b"), None).unwrap();
    assert_eq!(keeper.add(&bundle).unwrap(), second);
    keeper.promote(world.address).unwrap();
    let name = world.root().join("names/scores");
    symlink("../../objects/nothing", name.join(".new-current")).unwrap();
    assert_eq!(keeper.store().current("scores").unwrap(), world.address);
    keeper.promote(second).unwrap();
    assert_eq!(keeper.store().current("scores").unwrap(), second);
}

#[test]
fn a_link_that_leads_elsewhere_is_refused() {
    let world = World::new();
    world.keeper().promote(world.address).unwrap();
    let current = world.root().join("names/scores/current");
    let absolute = world.object();
    for target in [
        "/etc",
        "../../objects",
        "../../../source",
        "../../objects/../../source",
        absolute.to_str().unwrap(),
    ] {
        fs::remove_file(&current).unwrap();
        symlink(target, &current).unwrap();
        let error = world.store().current("scores").unwrap_err();
        says(&error, &["link of the store points elsewhere", target]);
    }
    for name in ["../scores", "a/b", "", ".", "..", "Scores"] {
        says(&world.store().current(name).unwrap_err(), &["name of a model is not plain"]);
    }
}

#[test]
fn a_symbolic_link_in_the_place_of_a_file_or_folder_is_refused() {
    for file in ["model.onnx", MANIFEST] {
        let world = World::new();
        let path = world.object().join(file);
        let outside = world.dir.path().join("outside");
        fs::rename(&path, &outside).unwrap();
        symlink(&outside, &path).unwrap();
        world.refused(&["a symbolic link stands in the way", file]);
    }
    let world = World::new();
    let outside = world.dir.path().join("outside");
    fs::rename(world.object(), &outside).unwrap();
    symlink(&outside, world.object()).unwrap();
    world.refused(&["a symbolic link stands in the way"]);
    let world = World::new();
    world.keeper().promote(world.address).unwrap();
    let name = world.root().join("names/scores");
    fs::rename(&name, world.dir.path().join("scores")).unwrap();
    symlink(world.dir.path().join("scores"), &name).unwrap();
    let error = world.store().current("scores").unwrap_err();
    says(&error, &["a symbolic link stands in the way"]);
}

#[test]
fn a_plain_folder_is_read_through_no_link_either() {
    let dir = tempfile::tempdir().unwrap();
    Draft::of("good").write(dir.path());
    fs::rename(dir.path().join("model.onnx"), dir.path().join("other")).unwrap();
    symlink("other", dir.path().join("model.onnx")).unwrap();
    says(&Bundle::open(dir.path(), None).unwrap_err(), &["a symbolic link stands in the way"]);
}

#[test]
fn a_hard_link_or_a_file_others_may_change_is_refused() {
    let world = World::new();
    let path = world.object().join("model.onnx");
    fs::hard_link(&path, world.dir.path().join("second name")).unwrap();
    world.refused(&["has hard links", "links=2"]);
    let world = World::new();
    let path = world.object().join(MANIFEST);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    world.refused(&["can be changed by others", "mode=0666"]);
}

#[test]
fn a_file_of_another_size_or_hash_is_refused() {
    type Damage = fn(&Path);
    let cases: [(Damage, &[&str]); 4] = [
        (
            |path| {
                let bytes = fs::read(path).unwrap();
                fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
            },
            &["wrong size", "model.onnx", "manifest="],
        ),
        (
            |path| {
                let bytes = fs::read(path).unwrap();
                fs::write(path, [&bytes[..], b"more"].concat()).unwrap();
            },
            &["wrong size", "model.onnx"],
        ),
        (
            |path| {
                let mut bytes = fs::read(path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(path, bytes).unwrap();
            },
            &["model file is not the one its manifest names", "model.onnx"],
        ),
        (
            |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
            &["not a regular file"],
        ),
    ];
    for (damage, parts) in cases {
        let world = World::new();
        damage(&world.object().join("model.onnx"));
        world.refused(parts);
    }
    let world = World::new();
    let path = world.object().join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap().replace("\"tests\"", "\"other\"");
    fs::write(&path, text).unwrap();
    world.refused(&["manifest is not the one its folder is named for"]);
}

#[test]
fn an_oversized_file_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    Draft::of("good").write(dir.path());
    let file = fs::OpenOptions::new().write(true).open(dir.path().join(MANIFEST)).unwrap();
    // A hole: nothing is written, and nothing of it must be read whole.
    file.set_len(corelane_signal::model::MANIFEST_BYTES_MAX + 1).unwrap();
    says(&Bundle::open(dir.path(), None).unwrap_err(), &["model file is too large", "allowed="]);
    Draft::of("good").write(dir.path());
    let file = fs::OpenOptions::new().write(true).open(dir.path().join("model.onnx")).unwrap();
    file.set_len(corelane_signal::model::MODEL_BYTES_MAX * 2).unwrap();
    says(&Bundle::open(dir.path(), None).unwrap_err(), &["wrong size", "manifest="]);
}

#[test]
fn a_name_with_a_path_is_refused() {
    for name in ["../model.onnx", "/etc/hostname", "a/model.onnx", "model.onnx/", ".."] {
        let dir = tempfile::tempdir().unwrap();
        Draft::of("good").write(dir.path());
        let path = dir.path().join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap().replace("model.onnx", name);
        fs::write(&path, text).unwrap();
        says(&Bundle::open(dir.path(), None).unwrap_err(), &["manifest is damaged", "key=file"]);
    }
}

#[test]
fn operators_off_the_list_and_foreign_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let draft = Draft::of("good");
    let mut operators = draft.operators();
    operators.retain(|name| name != "MatMul");
    draft.write_listing(dir.path(), &operators);
    let error = Bundle::open(dir.path(), None).and_then(load).unwrap_err();
    says(&error, &["not acceptable", "operator MatMul, which its manifest does not list"]);
    // Listed or not, and with no operator set to announce it.
    let error = load_draft(Draft::of("good").node("Spy", "com.example")).unwrap_err();
    says(&error, &["not acceptable", "operator Spy of domain com.example"]);
    let mut draft = Draft::of("good");
    let function = tract_onnx::pb::FunctionProto {
        name: Some("Spy".into()),
        ..tract_onnx::pb::FunctionProto::default()
    };
    draft.onnx.functions.push(function);
    says(&load_draft(draft).unwrap_err(), &["not acceptable", "an operator of its own: Spy"]);
    for name in ["external_data", "foreign_operator"] {
        says(&load_draft(Draft::of(name)).unwrap_err(), &["not acceptable"]);
    }
}

#[test]
fn weights_that_are_not_finite_or_cut_short_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = load_draft(Draft::of("good").weight(value)).unwrap_err();
        says(&error, &["not acceptable", "weights that are not finite: weights"]);
        let error = load_draft(Draft::of("good").attribute(value)).unwrap_err();
        says(&error, &["not acceptable", "an attribute that is no finite number: alpha"]);
    }
    let mut draft = Draft::of("good");
    draft.weights().raw_data.pop();
    says(&load_draft(draft).unwrap_err(), &["not acceptable", "weights that are cut short"]);
    let mut draft = Draft::of("good");
    draft.weights().data_type = 8; // text
    says(&load_draft(draft).unwrap_err(), &["not acceptable", "weights of type STRING"]);
    let mut draft = Draft::of("good");
    let half_infinity = 0x7c00_u16.to_le_bytes();
    let count = draft.weights().raw_data.len() / 4;
    draft.weights().data_type = 10; // two-byte floats
    draft.weights().raw_data = half_infinity.repeat(count);
    says(&load_draft(draft).unwrap_err(), &["weights that are not finite"]);
}

#[test]
fn wrong_shapes_and_wrong_numbers_are_refused_in_the_second_format_too() {
    for name in ["wrong_input", "wrong_output"] {
        says(&load_draft(Draft::of(name)).unwrap_err(), &["model has the wrong shape"]);
    }
    says(&load_draft(Draft::of("nan_always")).unwrap_err(), &["does not reproduce its golden"]);
}

#[test]
fn where_a_key_is_configured_only_what_it_signed_is_read() {
    let world = World::new();
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = world.dir.path().join("models.pub");
    fs::write(&public, hex_line(key.verifying_key().as_bytes())).unwrap();
    let public_key = PublicKey::read(&public).unwrap();
    let keyed = || Store::open(&world.root(), Some(public_key.clone())).unwrap();
    let read = || keyed().object(world.address);
    says(&read().unwrap_err(), &["model is not signed", SIGNATURE]);
    let bytes = fs::read(world.object().join(MANIFEST)).unwrap();
    let place = |signature: &[u8]| fs::write(world.object().join(SIGNATURE), signature).unwrap();
    for wrong in [
        hex_line(&SigningKey::from_bytes(&[8; 32]).sign(&message(&bytes)).to_bytes()),
        hex_line(&key.sign(&message(b"another manifest")).to_bytes()),
        hex_line(&key.sign(&bytes).to_bytes()), // without the context
        b"no hex".to_vec(),
        Vec::new(),
    ] {
        place(&wrong);
        says(&read().unwrap_err(), &["model's signature does not fit", "models.pub"]);
    }
    let good = hex_line(&key.sign(&message(&bytes)).to_bytes());
    place(&good);
    assert!(read().unwrap().signed);
    // One changed byte, and neither folder name nor signature fits.
    let other = String::from_utf8(bytes.clone()).unwrap().replace("\"tests\"", "\"other\"");
    fs::write(world.object().join(MANIFEST), other).unwrap();
    says(&read().unwrap_err(), &["model's signature does not fit"]);
    fs::write(world.object().join(MANIFEST), bytes).unwrap();
    // A signature that is added to an object that lacks one.
    fs::remove_file(world.object().join(SIGNATURE)).unwrap();
    let keeper = Keeper::open(&world.root(), Some(public_key.clone())).unwrap();
    let bundle = Bundle::open(&world.dir.path().join("source"), None).unwrap();
    keeper.add(&bundle.with_signature(good)).unwrap();
    assert!(read().unwrap().signed);
    for (text, part) in
        [("zz", "64 hex digits"), ("", "64 hex digits"), (&"00".repeat(32), "no usable")]
    {
        fs::write(&public, text).unwrap();
        says(&PublicKey::read(&public).unwrap_err(), &["public key cannot be used", part]);
    }
    fs::set_permissions(&public, fs::Permissions::from_mode(0o666)).unwrap();
    says(&PublicKey::read(&public).unwrap_err(), &["can be changed by others"]);
}

fn hex_line(bytes: &[u8]) -> Vec<u8> {
    let mut line = String::new();
    for byte in bytes {
        write!(line, "{byte:02x}").unwrap();
    }
    line.push('\n');
    line.into_bytes()
}
