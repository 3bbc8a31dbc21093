//! The numbers inside an ONNX file: all there, all in the file, all finite.
//!
//! Must never: read a number from elsewhere, or take a type it cannot look into. Runs while loading.

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

/// What is wrong with a tensor of the file, if anything is.
pub(super) fn fault(tensor: &TensorProto) -> Option<String> {
    let name = &tensor.name;
    let location = tensor.data_location.unwrap_or_default();
    if location != i32::from(DataLocation::Default) || !tensor.external_data.is_empty() {
        return Some(format!("data outside its file: {name}"));
    }
    let Ok(kind) = DataType::try_from(tensor.data_type) else {
        return Some(format!("weights of an unknown type: {name}"));
    };
    let Some((_, bytes)) = TYPES.iter().find(|(known, _)| *known == kind) else {
        return Some(format!("weights of type {}: {name}", kind.as_str_name()));
    };
    let count = tensor.dims.iter().try_fold(1_usize, |count, dim| {
        usize::try_from(*dim).ok().and_then(|dim| count.checked_mul(dim))
    });
    let wanted = count.and_then(|count| count.checked_mul(*bytes));
    if !tensor.raw_data.is_empty() && wanted != Some(tensor.raw_data.len()) {
        return Some(format!("weights that are cut short: {name}"));
    }
    if is_finite(kind, tensor) {
        None
    } else {
        Some(format!("weights that are not finite: {name}"))
    }
}

/// Types a model of ours may have, and the bytes of one number in the raw form.
const TYPES: [(DataType, usize); 13] = [
    (DataType::Bool, 1),
    (DataType::Int8, 1),
    (DataType::Uint8, 1),
    (DataType::Float16, 2),
    (DataType::Bfloat16, 2),
    (DataType::Int16, 2),
    (DataType::Uint16, 2),
    (DataType::Float, 4),
    (DataType::Int32, 4),
    (DataType::Uint32, 4),
    (DataType::Double, 8),
    (DataType::Int64, 8),
    (DataType::Uint64, 8),
];

fn is_finite(kind: DataType, tensor: &TensorProto) -> bool {
    let raw = &tensor.raw_data;
    if kind == DataType::Float {
        let number = |bytes: &[u8]| bytes.try_into().map(f32::from_le_bytes);
        return tensor.float_data.iter().all(|n| n.is_finite())
            && raw.chunks_exact(4).all(|b| number(b).is_ok_and(f32::is_finite));
    }
    if kind == DataType::Double {
        let number = |bytes: &[u8]| bytes.try_into().map(f64::from_le_bytes);
        return tensor.double_data.iter().all(|n| n.is_finite())
            && raw.chunks_exact(8).all(|b| number(b).is_ok_and(f64::is_finite));
    }
    if kind == DataType::Float16 {
        return halves_are_finite(tensor, 0x7c00);
    }
    kind != DataType::Bfloat16 || halves_are_finite(tensor, 0x7f80)
}

/// Two-byte floats: one whose exponent is all ones is infinite or no number.
fn halves_are_finite(tensor: &TensorProto, exponent: u16) -> bool {
    let finite = |bits: u16| bits & exponent != exponent;
    let number = |bytes: &[u8]| bytes.try_into().map(u16::from_le_bytes);
    tensor.raw_data.chunks_exact(2).all(|b| number(b).is_ok_and(finite))
        && tensor.int32_data.iter().all(|n| u16::try_from(*n).is_ok_and(finite))
}
