#include <iostream>
#include <thread>
extern "C" int part(int);
int main() { int r = 0; std::thread t([&] { r = part(21); }); t.join(); std::cout << r << ' ' << LONG << ' ' << POINTER << ' ' << STRLCPY << ' ' << EPOLL << std::endl; }
