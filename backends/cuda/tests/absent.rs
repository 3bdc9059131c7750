//! Without the driver or NVRTC: one line says what is missing, another how to get it.

use hadal_cuda::Cuda;
use hadal_device::DeviceError;
use hadal_native::Platform;

#[test]
fn what_is_missing_is_said() {
    let (listed, opened) = (Cuda.devices(), Cuda.open(0).map(drop));
    for error in listed.map(drop).err().into_iter().chain(opened.err()) {
        let DeviceError::Unavailable { backend, reason, hint } = error else { panic!("{error}") };
        assert_eq!(backend, "cuda");
        assert!(
            !reason.contains('\n') && !hint.contains('\n') && hint.contains("install"),
            "{reason}\n{hint}"
        );
    }
}
