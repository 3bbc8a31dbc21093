//! Pins the calling thread to one CPU and reads the mask back.

/// The CPUs that this thread may run on, by id. Empty where the host does not say.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    ids.into_iter().map(|core| core.id).collect()
}

/// Pins the calling thread to the CPU with this id. Returns whether the mask then holds that CPU
/// and no other: a call that reports success may still have been overruled.
#[must_use]
pub fn pin(cpu: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu }) && allowed_cpus() == [cpu]
}

#[cfg(test)]
mod tests {
    use super::{allowed_cpus, pin};

    #[test]
    fn the_mask_is_read_back() {
        let worked = std::thread::spawn(|| {
            let Some(&cpu) = allowed_cpus().last() else {
                return true;
            };
            pin(cpu) && allowed_cpus() == [cpu] && !pin(usize::from(u8::MAX) * 4 + 3)
        });
        assert!(worked.join().unwrap());
    }
}
