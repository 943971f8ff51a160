about="MQTT broker with its clients, without TLS"
version=2.0.11

build() {
	for folder in lib client src; do
		make -C $folder -j"$JOBS" CC="$CC" AR="$AR" CFLAGS="$CFLAGS" WITH_TLS=no WITH_CJSON=no WITH_DOCS=no WITH_SYSTEMD=no \
			WITH_STATIC_LIBRARIES=yes WITH_SHARED_LIBRARIES=no
	done
	program src/mosquitto
	for p in pub sub rr; do program client/mosquitto_$p; done
}
