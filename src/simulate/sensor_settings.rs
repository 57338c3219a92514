//! Settings of the simulated event sensor.

/// The pixel parameters of the event sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorSettings {
    /// ON threshold: increase of the logarithm that fires an event, at least 0.01.
    pub on: f32,
    /// OFF threshold: decrease of the logarithm that fires an event, positive, at least 0.01.
    pub off: f32,
    /// Standard deviation of the thresholds across pixels, relative to the threshold.
    pub mismatch: f32,
    /// Refractory period in microseconds: crossings within it are lost.
    pub refractory_us: f64,
    /// Leak: ON events per second that a pixel fires without a change of light.
    pub leak_hz: f32,
    /// Shot noise: random events per second and pixel in the dark, both polarities together; a
    /// quarter of that in full light.
    pub shot_noise_hz: f64,
    /// Cut-off frequency in hertz of the photoreceptor's first-order low-pass filter in full light;
    /// proportional to light otherwise. 0 disables the filter.
    pub bandwidth_hz: f32,
    /// Gamma of the value whose logarithm is compared: `255 * light^(1/gamma) + dark`. 1 is a real
    /// sensor, which sees linear light; 2.2 generates events from stored images, as in published
    /// datasets. The same scene needs about `gamma` times smaller thresholds for the same event
    /// rate.
    pub gamma: f32,
    /// Added before the logarithm, on a scale of 255: the dark current.
    pub dark: f32,
    /// Seed of mismatch, noise and the initial references of the pixels.
    pub seed: u64,
}

impl Default for SensorSettings {
    /// The settings that the shipped weights were trained for: thresholds of 0.2 on stored values,
    /// and the imperfections that v2e gives for a DAVIS346 in good light.
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
    /// An ideal sensor: equal thresholds, no refractory period, no noise.
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
