package mask

import "reflect"

// Value returns a copy of v in which every text is masked, however deep in it:
// in structs, lists and maps (but for their keys). What it masks of v must
// consist of exported fields.
func Value[T any](m Masker, v T) T {
	if !m.Active() {
		return v
	}
	masked := m.copyOf(reflect.ValueOf(&v).Elem())
	return masked.Interface().(T)
}

func (m Masker) copyOf(v reflect.Value) reflect.Value {
	to := reflect.New(v.Type()).Elem()
	to.Set(v)
	switch v.Kind() {
	case reflect.String:
		to.SetString(m.String(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				to.Field(i).Set(m.copyOf(v.Field(i)))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			to.Set(reflect.New(v.Type().Elem()))
			to.Elem().Set(m.copyOf(v.Elem()))
		}
	case reflect.Slice:
		if !v.IsNil() {
			to.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				to.Index(i).Set(m.copyOf(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			to.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for k, e := range v.Seq2() {
				to.SetMapIndex(k, m.copyOf(e))
			}
		}
	}
	return to
}
