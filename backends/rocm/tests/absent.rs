//! Without HIP's runtime: one line says what is missing, another how to get it.

use hadal_device::DeviceError;
use hadal_native::Platform;
use hadal_rocm::Rocm;

#[test]
fn what_is_missing_is_said() {
    let nowhere = Rocm::in_folder("/nowhere");
    for error in [nowhere.devices().map(drop), nowhere.open(0).map(drop)] {
        let Err(DeviceError::Unavailable { backend, reason, hint }) = error else { panic!("{error:?}") };
        assert_eq!(backend, "rocm");
        assert_eq!(reason, "HIP's runtime (libamdhip64) is not installed");
        assert!(!hint.contains('\n') && hint.contains("install ROCm"), "{hint}");
    }
}
