//! A look into an ONNX file before a runtime sees it: what it may not ask for, and its batch size.
//!
//! Must never: follow a path the file names. Runs while loading; allocates.

mod weights;

use crate::backend::ModelFile;
use crate::error::ModelError;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

/// Operator sets a model may use: ONNX's own, by both its names.
const DOMAINS: [&str; 2] = ["", "ai.onnx"];

/// A parsed ONNX file.
#[derive(Debug)]
pub(crate) struct Onnx {
    model: ModelProto,
}

impl Onnx {
    /// Parses a model's file and refuses what no model of ours may ask for.
    pub(crate) fn admit(file: &ModelFile<'_>, backend: &'static str) -> Result<Self, ModelError> {
        let path = || file.path.to_path_buf();
        let onnx = Self::parse(file.bytes).map_err(|e| ModelError::Load {
            path: path(),
            backend,
            source: e.into(),
        })?;
        match onnx.forbidden(file.manifest.allowed_operators()) {
            None => Ok(onnx),
            Some(found) => Err(ModelError::Forbidden { path: path(), found }),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        ModelProto::decode(bytes).map(|model| Self { model })
    }

    /// What the model asks for that none of ours may: data in other files, which a runtime would
    /// read from wherever the model says, sparse weights, weights that are no numbers, foreign
    /// operators, and where `operators` lists what its manifest allows, any other.
    fn forbidden(&self, operators: Option<&[String]>) -> Option<String> {
        let foreign = self.model.opset_import.iter().map(|set| set.domain.as_str());
        if let Some(domain) = foreign.into_iter().find(|domain| !DOMAINS.contains(domain)) {
            return Some(format!("operators of domain {domain}"));
        }
        if let Some(function) = self.model.functions.first() {
            return Some(format!("an operator of its own: {}", function.name()));
        }
        self.model.graph.as_ref().and_then(|graph| forbidden_in_graph(graph, operators))
    }

    pub(crate) fn model(&self) -> &ModelProto {
        &self.model
    }

    /// The same model for one window a run: its free batch fixed at 1.
    pub(crate) fn of_one_window(mut self) -> Vec<u8> {
        if let Some(graph) = &mut self.model.graph {
            graph.input.iter_mut().chain(&mut graph.output).for_each(fix_batch);
        }
        self.model.encode_to_vec()
    }
}

fn forbidden_in_graph(graph: &GraphProto, operators: Option<&[String]>) -> Option<String> {
    if !graph.sparse_initializer.is_empty() {
        return Some("sparse weights".into());
    }
    for node in &graph.node {
        if !DOMAINS.contains(&node.domain.as_str()) {
            return Some(format!("operator {} of domain {}", node.op_type, node.domain));
        }
        if operators.is_some_and(|list| !list.contains(&node.op_type)) {
            return Some(format!("operator {}, which its manifest does not list", node.op_type));
        }
    }
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    let tensors = attributes().flat_map(|a| a.t.iter().chain(&a.tensors));
    if let Some(found) = graph.initializer.iter().chain(tensors).find_map(weights::fault) {
        return Some(found);
    }
    if attributes().any(|a| a.sparse_tensor.is_some() || !a.sparse_tensors.is_empty()) {
        return Some("sparse weights".into());
    }
    if let Some(a) =
        attributes().find(|a| !a.f.is_finite() || !a.floats.iter().all(|n| n.is_finite()))
    {
        return Some(format!("an attribute that is no finite number: {}", a.name));
    }
    // As deep as the decoder let the file be nested.
    let mut graphs = attributes().flat_map(|a| a.g.iter().chain(&a.graphs));
    graphs.find_map(|graph| forbidden_in_graph(graph, operators))
}

fn fix_batch(value: &mut ValueInfoProto) {
    let kind = value.r#type.as_mut().and_then(|t| t.value.as_mut());
    let Some(Type::TensorType(tensor)) = kind else { return };
    let Some(batch) = tensor.shape.as_mut().and_then(|shape| shape.dim.first_mut()) else {
        return;
    };
    let is_free = match &batch.value {
        Some(Dimension::DimValue(size)) => *size <= 0,
        Some(Dimension::DimParam(_)) | None => true,
    };
    if is_free {
        batch.value = Some(Dimension::DimValue(1));
    }
}
