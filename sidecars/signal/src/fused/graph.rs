//! Is this file's graph the one the kernel computes? The graph written out line by line, each node
//! with its operands, attributes and constants, must be [`WANTED`]; only then are weights read.
//!
//! Must never: accept a line that differs. Names of nodes and values do not count, all else does.
//! Runs while loading; allocates.

use crate::manifest::Manifest;
use crate::onnx::Onnx;
use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// The graph of BiN-CTABL as `training/export.py` writes it. `%n` is the value of line n of the
/// nodes, `w[..]` a weight of that shape, in the order of [`super::kernel::Weights::arrange`];
/// constants stand where they are used.
const WANTED: &str = "\
opset 17
window f32[N,10,40]
%0 = Reshape window [-1,200,2] allowzero=0
%1 = Slice %0 [0] [1] [2] [1]
%2 = Div %1 20000.0
%3 = Clip %2 -50.0 50.0
%4 = Slice %0 [1] [2] [2] [1]
%5 = Clip %4 1.0 none
%6 = ReduceMean %5 axes=[1] keepdims=1
%7 = Div %5 %6
%8 = Log %7
%9 = Clip %8 -8.0 8.0
%10 = Concat %3 %9 axis=2
%11 = Reshape %10 [-1,10,40] allowzero=0
%12 = Transpose %11 perm=[0,2,1]
%13 = ReduceMean %12 axes=[2] keepdims=1
%14 = Sub %12 %13
%15 = Mul %14 %14
%16 = ReduceMean %15 axes=[2] keepdims=1
%17 = Add %16 0.01
%18 = Sqrt %17
%19 = Div %14 %18
%20 = Mul %19 w[40,1]
%21 = Add %20 w[40,1]
%22 = ReduceMean %12 axes=[1] keepdims=1
%23 = Sub %12 %22
%24 = Mul %23 %23
%25 = ReduceMean %24 axes=[1] keepdims=1
%26 = Add %25 0.01
%27 = Sqrt %26
%28 = Div %23 %27
%29 = Mul %28 w[1,10]
%30 = Add %29 w[1,10]
%31 = Mul w[] %21
%32 = Mul w[] %30
%33 = Add %31 %32
%34 = MatMul w[60,40] %33
%35 = MatMul %34 w[10,10]
%36 = Add %35 w[60,10]
%37 = Relu %36
%38 = MatMul w[120,60] %37
%39 = MatMul %38 w[10,5]
%40 = Add %39 w[120,5]
%41 = Relu %40
%42 = MatMul w[3,120] %41
%43 = MatMul %42 w[5,5]
%44 = Softmax %43 axis=2
%45 = Clip w[1] 0.0 1.0
%46 = Mul %42 %44
%47 = Mul %45 %46
%48 = Sub 1.0 %45
%49 = Mul %48 %42
%50 = Add %47 %49
%51 = MatMul %50 w[5,1]
%52 = Add %51 w[3,1]
%53 = Squeeze %52 [2]
%54 = Softmax %53 axis=1
output %54 f32[N,3]
";

/// The weights of a file whose graph is the wanted one, in the order of [`WANTED`].
///
/// # Errors
/// The first line that is another, or the weight that is no number.
pub(super) fn weights(onnx: &Onnx, manifest: &Manifest) -> Result<Vec<Vec<f32>>, String> {
    let (Some(graph), false) = (&onnx.model().graph, !onnx.model().functions.is_empty()) else {
        return Err("no graph, or functions of its own".into());
    };
    let mut written = Written::default();
    for set in &onnx.model().opset_import {
        written.line(format_args!("opset {}", set.version));
    }
    written.graph(graph, manifest)?;
    let mut found = written.text.lines();
    for (n, wanted) in WANTED.lines().enumerate() {
        match found.next() {
            Some(line) if line == wanted => {}
            line => {
                let line = line.unwrap_or("nothing");
                return Err(format!("line {n} of its graph is `{line}`, not `{wanted}`"));
            }
        }
    }
    match found.next() {
        Some(line) => Err(format!("its graph goes on with `{line}`")),
        None => Ok(written.weights),
    }
}

/// A graph as text, and the weights it names.
#[derive(Default)]
struct Written {
    text: String,
    weights: Vec<Vec<f32>>,
}

impl Written {
    fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _infallible = writeln!(self.text, "{line}");
    }

    fn graph(&mut self, graph: &GraphProto, manifest: &Manifest) -> Result<(), String> {
        let mut values: HashMap<&str, Value<'_>> = HashMap::new();
        for input in &graph.input {
            let known = if input.name == manifest.input.name { "window" } else { &input.name };
            self.line(format_args!("{known} {}", shape(input)));
            name(&mut values, &input.name, Value::Step("window".into()))?;
        }
        for tensor in &graph.initializer {
            name(&mut values, &tensor.name, Value::Weight(tensor))?;
        }
        let mut steps = 0;
        for node in &graph.node {
            let [output] = node.output.as_slice() else {
                return Err(format!("a {} of {} outputs", node.op_type, node.output.len()));
            };
            if node.op_type == "Constant" {
                name(&mut values, output, Value::Constant(constant(node)?))?;
                continue;
            }
            let mut line = format!("%{steps} = {}", node.op_type);
            for operand in &node.input {
                line += " ";
                line += &self.operand(&values, operand)?;
            }
            line += &attributes(node);
            self.line(line);
            name(&mut values, output, Value::Step(format!("%{steps}")))?;
            steps += 1;
        }
        for output in &graph.output {
            let known = output.name == manifest.output.name;
            let step = match values.get(output.name.as_str()) {
                Some(Value::Step(step)) if known => step,
                _ => &output.name,
            };
            self.line(format_args!("output {step} {}", shape(output)));
        }
        Ok(())
    }

    fn operand(&mut self, values: &HashMap<&str, Value<'_>>, of: &str) -> Result<String, String> {
        if of.is_empty() {
            return Ok("none".into());
        }
        match values.get(of) {
            Some(Value::Step(step)) => Ok(step.clone()),
            Some(Value::Constant(text)) => Ok(text.clone()),
            Some(Value::Weight(tensor)) => {
                let numbers = floats(tensor)?;
                if numbers.iter().any(|n| !n.is_finite()) {
                    return Err(format!("its weight {of} holds what is no number"));
                }
                self.weights.push(numbers);
                Ok(format!("w{}", list(&tensor.dims)))
            }
            None => Err(format!("nothing makes the value {of}")),
        }
    }
}

enum Value<'a> {
    Step(String),
    Constant(String),
    Weight(&'a TensorProto),
}

/// Every name stands for one thing.
fn name<'a>(
    values: &mut HashMap<&'a str, Value<'a>>,
    name: &'a str,
    value: Value<'a>,
) -> Result<(), String> {
    match values.insert(name, value) {
        None => Ok(()),
        Some(_) => Err(format!("two values of the name {name}")),
    }
}

fn constant(node: &NodeProto) -> Result<String, String> {
    let [AttributeProto { name, t: Some(tensor), .. }] = node.attribute.as_slice() else {
        return Err("a constant that is no tensor".into());
    };
    if name != "value" || !node.input.is_empty() {
        return Err(format!("a constant by {name} and {} operands", node.input.len()));
    }
    if tensor.data_type == i32::from(DataType::Int64) {
        return Ok(list(&integers(tensor)?));
    }
    match (floats(tensor)?.as_slice(), tensor.dims.as_slice()) {
        ([number], []) => Ok(format!("{number:?}")),
        (numbers, _) => Ok(list(numbers)),
    }
}

fn attributes(node: &NodeProto) -> String {
    let mut all: Vec<String> = node
        .attribute
        .iter()
        .map(|a| {
            if a.r#type == i32::from(AttributeType::Int) {
                format!(" {}={}", a.name, a.i)
            } else if a.r#type == i32::from(AttributeType::Ints) {
                format!(" {}={}", a.name, list(&a.ints))
            } else {
                format!(" {}=(neither integer nor integers)", a.name)
            }
        })
        .collect();
    all.sort_unstable();
    all.concat()
}

/// Type and shape; a first dimension that is free or 1 is `N`.
fn shape(value: &ValueInfoProto) -> String {
    let Some(Type::TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return "no tensor".into();
    };
    let kind = if tensor.elem_type == i32::from(DataType::Float) { "f32" } else { "other" };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim).enumerate();
    let dims: Vec<String> = dims
        .map(|(n, dim)| match &dim.value {
            Some(Dimension::DimValue(size)) if n > 0 || *size > 1 => size.to_string(),
            _ if n == 0 => "N".into(),
            _ => "free".into(),
        })
        .collect();
    format!("{kind}[{}]", dims.join(","))
}

fn list<T: std::fmt::Debug>(items: &[T]) -> String {
    format!("{items:?}").replace(' ', "")
}

fn floats(tensor: &TensorProto) -> Result<Vec<f32>, String> {
    if tensor.data_type != i32::from(DataType::Float) {
        return Err(format!("{} is not of type f32", tensor.name));
    }
    let (words, rest) = tensor.raw_data.as_chunks();
    let raw = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    one_of(tensor, raw, rest, &tensor.float_data)
}

fn integers(tensor: &TensorProto) -> Result<Vec<i64>, String> {
    let (words, rest) = tensor.raw_data.as_chunks();
    let raw = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
    one_of(tensor, raw, rest, &tensor.int64_data)
}

/// The numbers of a tensor, which stand in one of two places and are as many as its shape says.
fn one_of<T: Clone>(
    tensor: &TensorProto,
    raw: Vec<T>,
    rest: &[u8],
    typed: &[T],
) -> Result<Vec<T>, String> {
    let numbers = if typed.is_empty() { raw } else { typed.to_vec() };
    let wanted = tensor.dims.iter().try_fold(1_i64, |all, dim| all.checked_mul(*dim));
    let found = i64::try_from(numbers.len()).ok();
    if rest.is_empty() && (typed.is_empty() || tensor.raw_data.is_empty()) && wanted == found {
        return Ok(numbers);
    }
    Err(format!("the numbers of {} are not as many as its shape says", tensor.name))
}
