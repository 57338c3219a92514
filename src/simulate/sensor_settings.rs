//! Settings of the simulated event sensor.

/// How the sensor's pixels behave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorSettings {
    /// Change of the logarithm that fires towards brighter, at least 0.01.
    pub on: f32,
    /// The same towards darker, positive, at least 0.01.
    pub off: f32,
    /// Standard deviation of the thresholds from pixel to pixel, relative.
    pub mismatch: f32,
    /// Time after an event during which crossings are lost.
    pub refractory_us: f64,
    /// ON events per second that a pixel gives by itself.
    pub leak_hz: f32,
    /// Random events per second of a pixel in the dark, both polarities together; a quarter
    /// of it in full light.
    pub shot_noise_hz: f64,
    /// Cut-off of the photoreceptor's first-order low pass in full light; proportional to light
    /// otherwise. 0 for a receptor that follows at once.
    pub bandwidth_hz: f32,
    /// Exponent of the number whose logarithm is taken: `255 * light^(1/gamma) + dark`. 1 is a
    /// real sensor, whose light is linear; 2.2 gives events of stored images, which is what
    /// published data are made of. The same scene at the same rate of events needs about
    /// `gamma` times smaller thresholds.
    pub gamma: f32,
    /// What is added before the logarithm, on a scale of 255: darkness is never complete.
    pub dark: f32,
    /// Seed of mismatch, noise and of how far every pixel is from its first event.
    pub seed: u64,
}

impl Default for SensorSettings {
    /// What the shipped weights were trained for: thresholds of 0.2 on stored numbers; faults
    /// as v2e gives for a DAVIS346 in good light.
    fn default() -> Self {
        Self {
            on: 0.2,
            off: 0.2,
            mismatch: 0.04,
            refractory_us: 100.0,
            leak_hz: 0.1,
            shot_noise_hz: 0.1,
            bandwidth_hz: 0.0,
            gamma: 2.2,
            dark: 5.0,
            seed: 1,
        }
    }
}

impl SensorSettings {
    /// A sensor without faults: equal thresholds, no dead time, no noise.
    pub fn ideal(threshold: f32) -> Self {
        Self {
            on: threshold,
            off: threshold,
            mismatch: 0.0,
            refractory_us: 0.0,
            leak_hz: 0.0,
            shot_noise_hz: 0.0,
            ..Self::default()
        }
    }
}
