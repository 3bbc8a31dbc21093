//! A network on a device: one window a run, its tensors on the device for good and bound once.
//!
//! A CUDA graph replays a run on the very addresses it was recorded with, so input and output keep
//! theirs: a run copies the window in, replays, and copies three numbers out. Must never: read an
//! output that a run did not write; [`crate::model::Model`] therefore checks the golden vectors
//! again after the warm-up, when the graph is recorded. Allocates while loading.

use crate::backend::{BackendError, Network, Probabilities};
use crate::manifest::{CLASSES, Manifest};
use crate::session::{Provider, write_window};
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{Tensor, TensorValueType};
use wire::signal::{FEATURES, InputWindow, WINDOW};

/// A session with its bound tensors.
#[derive(Debug)]
pub(crate) struct BoundNetwork {
    session: Session,
    binding: IoBinding,
    provider: Provider,
    output: String,
    host_input: Tensor<f32>,
    device_input: Tensor<f32>,
    host_output: Tensor<f32>,
}

impl BoundNetwork {
    /// Binds the tensors of `session`, on the device or, for a test of everything else, beside it.
    pub(crate) fn bind(
        session: Session,
        provider: Provider,
        on_device: bool,
        manifest: &Manifest,
    ) -> Result<Self, ort::Error> {
        let place = if on_device { AllocationDevice::CUDA } else { AllocationDevice::CPU };
        let memory = MemoryInfo::new(place, 0, AllocatorType::Device, MemoryType::Default)?;
        let device = Allocator::new(&session, memory)?;
        let device_input = Tensor::<f32>::new(&device, [1, WINDOW, FEATURES])?;
        let mut binding = session.create_binding()?;
        binding.bind_input(manifest.input.name.as_str(), &device_input)?;
        let device_output = Tensor::<f32>::new(&device, [1, CLASSES])?;
        binding.bind_output(manifest.output.name.as_str(), device_output)?;
        Ok(Self {
            session,
            binding,
            provider,
            output: manifest.output.name.clone(),
            host_input: Tensor::<f32>::new(&Allocator::default(), [1, WINDOW, FEATURES])?,
            device_input,
            host_output: Tensor::<f32>::new(&Allocator::default(), [1, CLASSES])?,
        })
    }

    fn run_one(&mut self, window: &InputWindow) -> Result<Probabilities, BackendError> {
        let (_, cells) = self.host_input.extract_tensor_mut();
        write_window(cells, window);
        self.host_input.copy_into(&mut self.device_input)?;
        let outputs = self.session.run_binding(&self.binding)?;
        let output = outputs.get(&self.output).ok_or("the output is not bound")?;
        output.downcast_ref::<TensorValueType<f32>>()?.copy_into(&mut self.host_output)?;
        let (_, numbers) = self.host_output.extract_tensor();
        Ok(Probabilities::try_from(numbers)?)
    }
}

impl Network for BoundNetwork {
    fn backend(&self) -> &'static str {
        self.provider.name()
    }

    fn provider(&self) -> &'static str {
        self.provider.text()
    }

    fn batch_max(&self) -> usize {
        1
    }

    fn run(
        &mut self,
        batch: &[InputWindow],
        out: &mut Vec<Probabilities>,
    ) -> Result<(), BackendError> {
        for window in batch {
            out.push(self.run_one(window)?);
        }
        Ok(())
    }
}
