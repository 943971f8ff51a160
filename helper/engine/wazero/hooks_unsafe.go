package wazero

import (
	"fmt"
	"reflect"
	"runtime"
	"unsafe"

	"github.com/tetratelabs/wazero"
)

// setFileCache makes f the compile cache behind c. The engine's own reads and
// writes files through os, which would bring the runtime's network poller into
// the helper, and copies the code.
func setFileCache(c wazero.CompilationCache, f *feed) error {
	v := reflect.ValueOf(c).Elem()
	fc := v.FieldByName("fileCache")
	if !fc.IsValid() {
		return fmt.Errorf("%s has no field fileCache", v.Type())
	}
	if !reflect.TypeOf(f).Implements(fc.Type()) {
		return fmt.Errorf("%s has another interface", fc.Type())
	}
	reflect.NewAt(fc.Type(), unsafe.Pointer(fc.UnsafeAddr())).Elem().Set(reflect.ValueOf(f))
	return nil
}

// setCode replaces the placeholder by code in the one module that the engine
// behind m has compiled so far.
func setCode(m wazero.CompiledModule, code []byte) error {
	compiled := reflect.ValueOf(m).Elem()
	engineField := compiled.FieldByName("compiledEngine")
	if !engineField.IsValid() {
		return fmt.Errorf("%s has no field compiledEngine", compiled.Type())
	}
	engine := engineField.Elem().Elem()
	sorted := engine.FieldByName("sortedCompiledModules")
	if !sorted.IsValid() || sorted.Len() != 1 {
		return fmt.Errorf("%s holds no single compiled module", engine.Type())
	}
	executables := sorted.Index(0).Elem().FieldByName("executables")
	if !executables.IsValid() {
		return fmt.Errorf("%s has no field executables", sorted.Index(0).Type())
	}
	executable := executables.Elem().FieldByName("executable")
	if !executable.IsValid() || executable.Len() != len(placeholder) {
		return fmt.Errorf("the engine did not take the placeholder")
	}
	// Its finalizer would unmap what is not the engine's.
	runtime.SetFinalizer(reflect.NewAt(executables.Type().Elem(), executables.UnsafePointer()).Interface(), nil)
	*(*[]byte)(unsafe.Pointer(executable.UnsafeAddr())) = code
	return nil
}
