/* tests/java/embed.c - a C program that embeds a Java VM: argv[1] is its libjvm.so. Prints what the
 * functions of JNI give, for comparison between VMs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <jni.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef jint (*create_fn)(JavaVM **, void **, void *);
static JavaVM *vm;

static jint JNICALL native_add(JNIEnv *e, jclass c, jint a, jlong b, jdouble d, jfloat f, jstring s,
                               jbyte y, jchar ch, jboolean z, jobject o, jshort sh)
{
    (void)c;
    jsize n = (*e)->GetStringLength(e, s);
    return (jint)(a + b + (jlong)d + (jlong)f + n + y + ch + z + (o == NULL) + sh);
}

static void *other_thread(void *arg)
{
    JNIEnv *e;
    (void)arg;
    printf("env before: %d\n", (*vm)->GetEnv(vm, (void **)&e, JNI_VERSION_10));
    printf("attach: %d\n", (*vm)->AttachCurrentThread(vm, (void **)&e, NULL));
    jclass    t    = (*e)->FindClass(e, "java/lang/Thread");
    jmethodID cur  = (*e)->GetStaticMethodID(e, t, "currentThread", "()Ljava/lang/Thread;");
    jobject   me   = (*e)->CallStaticObjectMethod(e, t, cur);
    jmethodID live = (*e)->GetMethodID(e, t, "isAlive", "()Z");
    printf("alive: %d\n", (*e)->CallBooleanMethod(e, me, live));
    printf("detach: %d\n", (*vm)->DetachCurrentThread(vm));
    return NULL;
}

static void show_exception(JNIEnv *e)
{
    jthrowable x = (*e)->ExceptionOccurred(e);
    (*e)->ExceptionClear(e);
    if (!x) {
        printf("no exception\n");
        return;
    }
    jclass      c    = (*e)->GetObjectClass(e, x);
    jmethodID   m    = (*e)->GetMethodID(e, c, "toString", "()Ljava/lang/String;");
    jstring     s    = (*e)->CallObjectMethod(e, x, m);
    const char *text = (*e)->GetStringUTFChars(e, s, NULL);
    printf("exception: %s\n", text);
    (*e)->ReleaseStringUTFChars(e, s, text);
}

static void strings_and_arrays(JNIEnv *e)
{
    const jchar units[] = {'g', 0xfc, 0x20ac, 0};
    jstring     s       = (*e)->NewString(e, units, 4);
    jchar       back[2];
    char        utf[32] = "";
    printf("string: %d %d\n", (*e)->GetStringLength(e, s), (*e)->GetStringUTFLength(e, s));
    (*e)->GetStringRegion(e, s, 1, 2, back);
    (*e)->GetStringUTFRegion(e, s, 0, 2, utf);
    printf("region: %x %x %s\n", back[0], back[1], utf);
    (*e)->GetStringRegion(e, s, 3, 2, back);
    show_exception(e);
    jintArray a = (*e)->NewIntArray(e, 5);
    jint      v[3] = {7, 8, 9}, w[5];
    (*e)->SetIntArrayRegion(e, a, 1, 3, v);
    (*e)->GetIntArrayRegion(e, a, 0, 5, w);
    printf("ints: %d %d %d %d %d of %d\n", w[0], w[1], w[2], w[3], w[4], (*e)->GetArrayLength(e, a));
    jint *p = (*e)->GetPrimitiveArrayCritical(e, a, NULL);
    p[4] = 11;
    (*e)->ReleasePrimitiveArrayCritical(e, a, p, 0);
    p = (*e)->GetIntArrayElements(e, a, NULL);
    printf("element: %d\n", p[4]);
    (*e)->ReleaseIntArrayElements(e, a, p, JNI_ABORT);
    (*e)->GetIntArrayRegion(e, a, 4, 2, w);
    show_exception(e);
    jobjectArray o = (*e)->NewObjectArray(e, 2, (*e)->FindClass(e, "java/lang/String"), s);
    printf("same: %d\n", (*e)->IsSameObject(e, (*e)->GetObjectArrayElement(e, o, 1), s));
    (*e)->SetObjectArrayElement(e, o, 0, a);
    show_exception(e);
    (*e)->GetObjectArrayElement(e, o, 2);
    show_exception(e);
}

static void references(JNIEnv *e)
{
    jclass    object = (*e)->FindClass(e, "java/lang/Object");
    jmethodID init   = (*e)->GetMethodID(e, object, "<init>", "()V");
    jobject   local = (*e)->NewObject(e, object, init), global = (*e)->NewGlobalRef(e, local);
    jweak     weak = (*e)->NewWeakGlobalRef(e, local);
    printf("types: %d %d %d\n", (*e)->GetObjectRefType(e, local), (*e)->GetObjectRefType(e, global),
           (*e)->GetObjectRefType(e, weak));
    (*e)->PushLocalFrame(e, 300);
    jobject kept = NULL;
    for (int i = 0; i < 250; i++)
        kept = (*e)->NewLocalRef(e, global);
    kept = (*e)->PopLocalFrame(e, kept);
    printf("kept: %d %d\n", (*e)->IsSameObject(e, kept, global), (*e)->IsSameObject(e, weak, local));
    (*e)->DeleteGlobalRef(e, global);
    (*e)->DeleteWeakGlobalRef(e, weak);
    printf("monitor: %d %d\n", (*e)->MonitorEnter(e, local), (*e)->MonitorExit(e, local));
    printf("not held: %d\n", (*e)->MonitorExit(e, local) != 0);
    show_exception(e);
    char    memory[64] = "direct";
    jobject b          = (*e)->NewDirectByteBuffer(e, memory, sizeof(memory));
    printf("direct: %d %d\n", (*e)->GetDirectBufferAddress(e, b) == memory,
           (int)(*e)->GetDirectBufferCapacity(e, b));
}

static void members(JNIEnv *e)
{
    jclass    integer = (*e)->FindClass(e, "java/lang/Integer"), math = (*e)->FindClass(e, "java/lang/Math");
    jmethodID init = (*e)->GetMethodID(e, integer, "<init>", "(I)V");
    jvalue    args[2] = {{.i = 41}, {.i = 7}};
    jobject   n       = (*e)->NewObjectA(e, integer, init, args);
    jfieldID  value   = (*e)->GetFieldID(e, integer, "value", "I");
    printf("field: %d\n", (*e)->GetIntField(e, n, value));
    jmethodID cmp = (*e)->GetMethodID(e, integer, "doubleValue", "()D");
    printf("double: %.1f %.1f\n", (*e)->CallDoubleMethod(e, n, cmp),
           (*e)->CallNonvirtualDoubleMethod(e, n, integer, cmp));
    jmethodID max = (*e)->GetStaticMethodID(e, math, "max", "(DD)D");
    printf("static: %.2f\n", (*e)->CallStaticDoubleMethod(e, math, max, 1.5, 2.25));
    jmethodID fma = (*e)->GetStaticMethodID(e, math, "fma", "(FFF)F");
    printf("floats: %.2f\n", (double)(*e)->CallStaticFloatMethod(e, math, fma, 1.5, 2.0, 0.25));
    jfieldID least = (*e)->GetStaticFieldID(e, integer, "MIN_VALUE", "I");
    printf("static field: %d\n", (*e)->GetStaticIntField(e, integer, least));
    (*e)->GetMethodID(e, integer, "nothing", "()V");
    show_exception(e);
    (*e)->FindClass(e, "no/Such");
    show_exception(e);
    (*e)->AllocObject(e, (*e)->FindClass(e, "java/lang/Number"));
    show_exception(e);
    (*e)->ThrowNew(e, (*e)->FindClass(e, "java/io/IOException"), "from C");
    printf("pending: %d\n", (*e)->ExceptionCheck(e));
    show_exception(e);
    printf("super: %d %d\n", (*e)->IsAssignableFrom(e, integer, (*e)->GetSuperclass(e, integer)),
           (*e)->IsInstanceOf(e, n, math));
    jobject m = (*e)->ToReflectedMethod(e, math, max, JNI_TRUE);
    printf("reflected: %d\n", (*e)->FromReflectedMethod(e, m) == max);
}

static void natives(JNIEnv *e)
{
    jclass                c       = (*e)->FindClass(e, "Native");
    const JNINativeMethod rows[1] = {{(char *)"add", (char *)"(IJDFLjava/lang/String;BCZLjava/lang/Object;S)I", (void *)native_add}};
    printf("register: %d\n", (*e)->RegisterNatives(e, c, rows, 1));
    jmethodID go = (*e)->GetStaticMethodID(e, c, "go", "()I");
    printf("go: %d\n", (*e)->CallStaticIntMethod(e, c, go));
    (*e)->UnregisterNatives(e, c);
    (*e)->CallStaticIntMethod(e, c, go);
    show_exception(e);
}

int main(int argc, char **argv)
{
    void          *lib    = dlopen(argv[1], RTLD_NOW);
    create_fn      create = lib ? (create_fn)dlsym(lib, "JNI_CreateJavaVM") : NULL;
    char           path[4096];
    JavaVMOption   options[2] = {{.optionString = path}, {.optionString = (char *)"-Xmx64m"}};
    JavaVMInitArgs args       = {JNI_VERSION_10, 2, options, JNI_FALSE};
    JNIEnv        *e;
    pthread_t      thread;
    if (argc != 3 || !create)
        return printf("%s\n", dlerror()), 1;
    snprintf(path, sizeof(path), "-Djava.class.path=%s", argv[2]);
    if (create(&vm, (void **)&e, &args) != JNI_OK)
        return printf("no VM\n"), 1;
    printf("version: %x\n", (*e)->GetVersion(e));
    strings_and_arrays(e);
    references(e);
    members(e);
    natives(e);
    pthread_create(&thread, NULL, other_thread, NULL);
    pthread_join(thread, NULL);
    printf("destroy: %d\n", (*vm)->DestroyJavaVM(vm));
    return 0;
}
