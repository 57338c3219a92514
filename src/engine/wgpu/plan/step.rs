//! One dispatch of a shader.

use wgpu::{BindGroup, ComputePass, ComputePipeline};

/// One dispatch.
pub(in crate::engine::wgpu) struct Step {
    pub(super) pipeline: ComputePipeline,
    pub(super) group: BindGroup,
    /// Workgroups along the three axes.
    pub(super) groups: [u32; 3],
}

impl Step {
    pub(in crate::engine::wgpu) fn run(&self, pass: &mut ComputePass<'_>) {
        let [x, y, z] = self.groups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}
