//! Functions that hosts look for and this driver refuses, whatever their arguments: graphs, managed memory, other devices.
#![allow(non_snake_case, reason = "names of C")]

use super::codes::Code;
use super::{Kind, Status, call};

macro_rules! refuse {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            pub(crate) extern "C" fn $name() -> Status {
                call(Kind::Query, |_| Err(Code::NotSupported))
            }
        )*
    };
}

refuse! {
    cuCtxCreate_v3 cuCtxCreate_v4
    cuStreamBeginCapture_v2 cuStreamEndCapture
    cuGraphCreate cuGraphInstantiateWithFlags cuGraphInstantiateWithParams cuGraphLaunch cuGraphUpload cuGraphDestroy cuGraphExecDestroy
    cuMemAllocManaged cuMemPrefetchAsync cuMemPrefetchAsync_v2 cuMemAdvise cuMemAdvise_v2 cuStreamAttachMemAsync
    cuMemHostGetDevicePointer_v2 cuPointerGetAttribute cuMemcpyPeerAsync cuCtxEnablePeerAccess
    cuImportExternalMemory cuDestroyExternalMemory cuExternalMemoryGetMappedBuffer
    cuLinkCreate_v2 cuLibraryLoadData cuLaunchKernelEx cuMemcpy2D_v2 cuMemcpy2DAsync_v2
    cuOccupancyMaxPotentialClusterSize cuOccupancyMaxActiveClusters cuGetExportTable
    cuProfilerStart cuProfilerStop
}
