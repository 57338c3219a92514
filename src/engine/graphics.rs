//! Opens an engine on a graphics device through wgpu, if this program was built with it.

use super::Engine;

/// An engine, and its device's name.
pub(super) struct Opened {
    pub(super) engine: Box<dyn Engine>,
    pub(super) reason: String,
}

/// The device's name, and why its precision is not the usual one if it is not.
pub(super) fn name(device: &str, single: bool) -> String {
    match single {
        true => format!("{device} in single precision: half precision is wrong with these weights"),
        false => device.to_owned(),
    }
}

#[cfg(feature = "wgpu")]
pub use super::wgpu::{DevicePicture, SharedDevice};
#[cfg(feature = "wgpu")]
pub(super) use with_wgpu::{open, open_if_faster};
#[cfg(not(feature = "wgpu"))]
pub use without_wgpu::{DevicePicture, SharedDevice};
#[cfg(not(feature = "wgpu"))]
pub(super) use without_wgpu::{open, open_if_faster};

/// The same names where there is no such engine.
#[cfg(not(feature = "wgpu"))]
mod without_wgpu {
    use super::Opened;
    use crate::image::{ImageU8, Size};
    use crate::network::Weights;

    /// A device that the engine shares with its owner; there is none without the feature `wgpu`.
    #[derive(Clone, Copy, Debug)]
    pub enum SharedDevice {}

    /// A picture on such a device.
    #[derive(Clone, Copy, Debug)]
    pub enum DevicePicture {}

    impl DevicePicture {
        /// Width and height.
        pub fn size(&self) -> Size {
            match *self {}
        }

        /// A copy in memory.
        ///
        /// # Errors
        /// None.
        pub fn read(&self) -> Result<ImageU8, String> {
            match *self {}
        }
    }

    const MISSING: &str = "this program was built without the feature wgpu";

    /// An engine on a device, or why there is none.
    pub(in crate::engine) fn open(
        _: &Weights,
        _: Option<usize>,
        _: Option<&SharedDevice>,
    ) -> Result<Opened, String> {
        Err(MISSING.into())
    }

    /// An engine on a graphics device that is faster than the CPU, or why there is none.
    pub(in crate::engine) fn open_if_faster(
        _: &Weights,
        _: usize,
        _: Option<&SharedDevice>,
    ) -> Result<Opened, String> {
        Err(MISSING.into())
    }
}

#[cfg(feature = "wgpu")]
mod with_wgpu {
    use super::Opened;
    use crate::engine::cpu::CpuEngine;
    use crate::engine::wgpu::{
        AdapterInfo, DeviceKind, Precision, SharedDevice, WgpuEngine, adapters,
    };
    use crate::engine::{Engine, EngineError, EventTensor, Image};
    use crate::image::Size;
    use crate::network::Weights;
    use std::time::{Duration, Instant};

    /// Sizes and number of measured runs of the comparison, about a quarter of a second for two
    /// CPU cores.
    const IMAGE: Size = Size::new(288, 192);
    const EVENTS: Size = Size::new(72, 48);
    const RUNS: usize = 2;

    /// An engine on a device, or why there is none.
    pub(in crate::engine) fn open(
        weights: &Weights,
        device: Option<usize>,
        shared: Option<&SharedDevice>,
    ) -> Result<Opened, String> {
        let found = adapters()?;
        let mut why = format!("there is no wgpu device {}", device.unwrap_or(0));
        for one in found.iter().filter(|a| device.is_none_or(|d| d == a.ordinal)) {
            match make(weights, one, shared) {
                Ok(engine) => {
                    let reason = described(&engine, one);
                    return Ok(Opened { engine: Box::new(engine), reason });
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// Name of the engine's device, with its precision if half precision was there but not used.
    fn described(engine: &WgpuEngine, info: &AdapterInfo) -> String {
        let single = info.half && engine.precision() == Precision::Single;
        super::name(engine.name(), single)
    }

    /// An engine on that device, which is the shared one if that is of the same adapter.
    fn make(
        weights: &Weights,
        adapter: &AdapterInfo,
        shared: Option<&SharedDevice>,
    ) -> Result<WgpuEngine, EngineError> {
        if let Some(shared) = shared.filter(|s| s.is_of(adapter)) {
            match WgpuEngine::on_shared(weights, adapter, shared) {
                Ok(engine) => return Ok(engine),
                Err(why) => tracing::warn!("{why}: opening it a second time, pictures are copied"),
            }
        }
        WgpuEngine::new(weights, adapter)
    }

    /// An engine on a graphics device that is faster than the CPU, or why there is none. The
    /// result is `Err` on computers without graphics devices, too.
    pub(in crate::engine) fn open_if_faster(
        weights: &Weights,
        threads: usize,
        shared: Option<&SharedDevice>,
    ) -> Result<Opened, String> {
        if !may_have_graphics() {
            return Err("this computer has no graphics device with a driver".into());
        }
        let found = adapters()?;
        let graphics = found.iter().filter(|a| a.kind != DeviceKind::Software);
        let mut cpu_time = None;
        first_suitable(graphics.map(|one| (one.name.as_str(), one)), |one| {
            let unusable = |error: EngineError| Unsuitable::Unusable(error.to_string());
            let mut engine = make(weights, one, shared).map_err(unusable)?;
            let name = described(&engine, one);
            let device = duration(&mut engine).map_err(unusable)?;
            let cpu = match cpu_time {
                Some(time) => time,
                None => {
                    let engine = CpuEngine::new(weights, threads);
                    let time = engine.and_then(|mut cpu| duration(&mut cpu)).map_err(unusable)?;
                    *cpu_time.insert(time)
                }
            };
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            let times = format!("{:.1} ms at {IMAGE}, the CPU {:.1} ms", ms(device), ms(cpu));
            if device >= cpu {
                return Err(Unsuitable::Slower(format!("{name} is slower: {times}")));
            }
            Ok(Opened { engine: Box::new(engine), reason: format!("{name} ({times})") })
        })
    }

    /// Why a device is not selected.
    enum Unsuitable {
        /// It fails, at least through this interface.
        Unusable(String),
        /// It is slower than the CPU.
        Slower(String),
    }

    /// What `attempt` makes of the first device for which it succeeds, or why it succeeds for none.
    /// Devices have names such as `AMD Radeon 780M (Vulkan)`; one that is slower is not tried through
    /// another interface.
    fn first_suitable<'a, D, T>(
        devices: impl Iterator<Item = (&'a str, D)>,
        mut attempt: impl FnMut(D) -> Result<T, Unsuitable>,
    ) -> Result<T, String> {
        let (mut slower, mut reasons) = (Vec::new(), Vec::new());
        for (name, device) in devices {
            let name = name.rsplit_once(" (").map_or(name, |(name, _)| name);
            if slower.contains(&name) {
                continue;
            }
            match attempt(device) {
                Ok(suitable) => return Ok(suitable),
                Err(Unsuitable::Unusable(why)) => reasons.push(why),
                Err(Unsuitable::Slower(why)) => {
                    slower.push(name);
                    reasons.push(why);
                }
            }
        }
        if reasons.is_empty() {
            return Err("wgpu finds only software devices".into());
        }
        Err(reasons.join("; "))
    }

    /// Whether it is worth asking the drivers, which takes a tenth of a second, and more memory
    /// where there is only a software driver.
    fn may_have_graphics() -> bool {
        if !cfg!(target_os = "linux") {
            return true;
        }
        let render_node = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.is_ok_and(|e| e.file_name().to_string_lossy().starts_with("renderD"))
        };
        let nodes = std::fs::read_dir("/dev/dri").is_ok_and(|mut all| all.any(render_node));
        // NVIDIA's own driver, and Windows' below WSL.
        nodes || ["/dev/nvidiactl", "/dev/dxg"].iter().any(|p| std::path::Path::new(p).exists())
    }

    /// The shortest duration of a restoration, after one that is not measured. It does not depend
    /// on the values.
    fn duration(engine: &mut dyn Engine) -> Result<Duration, EngineError> {
        let image = vec![0.5; 3 * IMAGE.area()];
        let events = vec![0.0; engine.event_input().channels() * EVENTS.area()];
        let image = Image { data: &image, height: IMAGE.height, width: IMAGE.width };
        let events = EventTensor { data: &events, height: EVENTS.height, width: EVENTS.width };
        engine.restore(&image, &[events])?;
        let mut best = Duration::MAX;
        for _ in 0..RUNS {
            let start = Instant::now();
            engine.restore(&image, &[events])?;
            best = best.min(start.elapsed());
        }
        Ok(best)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        type Outcome = fn() -> Option<Unsuitable>;

        /// The devices that were tried, and the outcome.
        fn tried(devices: &[(&'static str, Outcome)]) -> (String, String) {
            let mut tried = Vec::new();
            let all = devices.iter().map(|(name, outcome)| (*name, (*name, outcome)));
            let outcome = first_suitable(all, |(name, outcome)| {
                tried.push(name);
                outcome().map_or(Ok(name), Err)
            });
            (tried.join(", "), outcome.map_or_else(|why| why, str::to_owned))
        }

        #[test]
        fn a_device_that_fails_or_is_slower_does_not_hide_the_next_one() {
            let fails: Outcome = || Some(Unsuitable::Unusable("fails".into()));
            let slow: Outcome = || Some(Unsuitable::Slower("slow".into()));
            let works: Outcome = || None;
            let [large, small, again] = ["L (Vulkan)", "S (Vulkan)", "L (DirectX 12)"];
            let text = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
            // Through another interface it may work.
            let found = tried(&[(large, fails), (again, works)]);
            assert_eq!(found, text(("L (Vulkan), L (DirectX 12)", again)));
            // But it is not faster.
            let found = tried(&[(large, slow), (again, works), (small, works)]);
            assert_eq!(found, text(("L (Vulkan), S (Vulkan)", small)));
            let found = tried(&[(large, slow), (small, fails)]);
            assert_eq!(found, text(("L (Vulkan), S (Vulkan)", "slow; fails")));
            assert_eq!(tried(&[]), text(("", "wgpu finds only software devices")));
        }
    }
}
