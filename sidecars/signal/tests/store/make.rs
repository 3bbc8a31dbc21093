//! Folders of models for tests: format 2 made of a fixture, with a fault where one is wanted.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail its test")]
#![allow(dead_code, reason = "each test file uses its part")]

use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// A model of the repository: a fixture, or `bin_ctabl`.
pub(crate) fn repository(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = root.join("models").join(name);
    if models.is_dir() { models } else { root.join("tests/fixtures").join(name) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A model and its manifest on the way into a folder.
pub(crate) struct Draft {
    pub(crate) onnx: ModelProto,
    pub(crate) manifest: Value,
}

impl Draft {
    /// What the repository has under this name.
    pub(crate) fn of(name: &str) -> Self {
        let dir = repository(name);
        let onnx = ModelProto::decode(&*fs::read(dir.join("model.onnx")).unwrap()).unwrap();
        let manifest = fs::read(dir.join("manifest.json")).unwrap();
        Self { onnx, manifest: serde_json::from_slice(&manifest).unwrap() }
    }

    /// The same under the name the tests' store knows.
    pub(crate) fn named(name: &str, store_name: &str) -> Self {
        let mut draft = Self::of(name);
        draft.manifest["name"] = store_name.into();
        draft
    }

    /// The same model and another file: its bytes, and so its hash, differ.
    pub(crate) fn marked(mut self, mark: &str) -> Self {
        mark.clone_into(&mut self.onnx.producer_name);
        self
    }

    pub(crate) fn graph(&mut self) -> &mut GraphProto {
        self.onnx.graph.as_mut().unwrap()
    }

    pub(crate) fn weights(&mut self) -> &mut TensorProto {
        self.graph().initializer.iter_mut().max_by_key(|t| t.raw_data.len()).unwrap()
    }

    /// Sets the first weight.
    pub(crate) fn weight(mut self, value: f32) -> Self {
        self.weights().raw_data[..4].copy_from_slice(&value.to_le_bytes());
        self
    }

    /// One more node, whose output nobody reads.
    pub(crate) fn node(mut self, op_type: &str, domain: &str) -> Self {
        let input = self.graph().input[0].name.clone();
        self.graph().node.push(NodeProto {
            op_type: op_type.into(),
            domain: domain.into(),
            input: vec![input],
            output: vec!["unread".into()],
            ..NodeProto::default()
        });
        self
    }

    pub(crate) fn attribute(mut self, value: f32) -> Self {
        let attribute =
            AttributeProto { name: "alpha".into(), f: value, ..AttributeProto::default() };
        self.graph().node[0].attribute.push(attribute);
        self
    }

    /// Operators the model uses.
    pub(crate) fn operators(&self) -> Vec<String> {
        let nodes = &self.onnx.graph.as_ref().unwrap().node;
        let names: BTreeSet<_> = nodes.iter().map(|node| node.op_type.clone()).collect();
        names.into_iter().collect()
    }

    /// Writes the folder; the manifest is made to fit the file.
    pub(crate) fn write(self, dir: &Path) {
        let operators = self.operators();
        self.write_listing(dir, &operators);
    }

    /// The same, for a manifest that allows these operators.
    pub(crate) fn write_listing(mut self, dir: &Path, operators: &[String]) {
        let bytes = self.onnx.encode_to_vec();
        self.manifest["format"] = 2.into();
        self.manifest["sha256"] = hex(&bytes).into();
        self.manifest["files"] = json!([{
            "name": "model.onnx", "bytes": bytes.len(), "sha256": hex(&bytes),
        }]);
        self.manifest["operators"] = json!(operators);
        self.manifest["training_data"] = "tests".into();
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("model.onnx"), bytes).unwrap();
        fs::write(dir.join("manifest.json"), self.manifest.to_string()).unwrap();
    }
}
